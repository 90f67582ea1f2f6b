# dvsync_add_plugin(TARGET SOURCES files... [LIBRARIES libs...] [TEST])
# A plugin is a module that sees the public headers and nothing else of dvsync, and exports one symbol.
function(dvsync_add_plugin target)
  cmake_parse_arguments(arg "TEST" "" "SOURCES;LIBRARIES" ${ARGN})
  add_library(${target} MODULE ${arg_SOURCES})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/core/include)
  target_link_libraries(${target} PRIVATE ${arg_LIBRARIES})
  target_link_options(${target} PRIVATE
    "LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/plugin.map")
  if(NOT CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo") # the sanitizers' symbols come from the program
    target_link_options(${target} PRIVATE "LINKER:-z,defs")
  endif()
  set_target_properties(${target} PROPERTIES PREFIX "" LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/plugin.map)
  if(arg_TEST)
    set_target_properties(${target} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/plugins)
  else()
    set_target_properties(${target} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
    install(TARGETS ${target} LIBRARY DESTINATION ${DVSYNC_PLUGIN_DIR})
  endif()
  # dvsync refuses plugins that others can write; with umask 002 they could.
  add_custom_command(TARGET ${target} POST_BUILD
    COMMAND chmod go-w $<TARGET_FILE:${target}> $<TARGET_FILE_DIR:${target}> VERBATIM)
endfunction()
