/*
 * guest.h - the stage for a plugin's slot. A guest is one source or sink of a plugin, with the host table
 * that the plugin sees; a frame is one call of one slot, on the stack of the thread that makes it.
 */
#ifndef DVSI_PLUGIN_GUEST_H
#define DVSI_PLUGIN_GUEST_H

#include <stdatomic.h>

#include "base/buf.h"
#include "plugin/host.h"

typedef struct dvsi_guest dvsi_guest;
typedef struct dvsi_frame dvsi_frame;

struct dvsi_guest {
    dvs_host host;    /* first: the plugin's `const dvs_host *` points here ... */
    dvsi_guest *self; /* ... and this leads from there to the rest, which is not const */
    const dvsi_plugin *plugin;
    const char *role; /* "source" or "sink" */
    const char *name; /* the source's name in the project; "sink" */
    const dvs_settings *settings;
    const dvsi_services *services;
    _Atomic(const char *) foreign; /* host function that was called where it must not be; NULL: none */
};

/* Set before a slot is called, taken down behind it; frames of one thread may nest. */
struct dvsi_frame {
    dvsi_frame *outer;
    dvsi_guest *guest;
    const char *slot;
    dvs_out *out;          /* NULL: a slot that pushes nothing */
    uint32_t may_end;      /* DVS_END is an answer of this slot */
    uint64_t n_row_errors; /* err->row must be below it; 0: errors of this slot have no row */
    dvsi_arena kept;       /* what state_get answered */
    dvs_error breach;      /* the first rule that the plugin broke in this call; status 0: none */
    dvs_error err;         /* what the slot gets as its `err` */
};

/* Fills in host table and fields. `services` and `settings` may be NULL. */
void dvsi_guest_init(dvsi_guest *guest, const dvsi_plugin *plugin, const char *role, const char *name,
                     const dvs_settings *settings, const dvsi_services *services);
int dvsi_guest_cancelled(const dvsi_guest *guest);
/* One line of valid UTF-8 from what a plugin said: escaped, cut at `most` bytes, without the values of
 * secret settings. */
void dvsi_guest_show(const dvsi_guest *guest, dvsi_buf *out, const char *text, size_t length, size_t most);
/* Logs, at level error, that a host function was called outside of all slots; behind the last slot. */
void dvsi_guest_last_word(dvsi_guest *guest);

void dvsi_frame_enter(dvsi_frame *frame, dvsi_guest *guest, const char *slot, dvs_out *out);
/* Takes the frame down and judges the slot's answer. Returns DVS_OK, DVS_END (if may_end), or a failure with
 * *err (may be NULL) filled: the plugin's own error put in order, or the rule that it broke. */
int32_t dvsi_frame_leave(dvsi_frame *frame, int32_t status, dvs_error *err);
/* The same for slots that return nothing: a broken rule goes to the log. */
void dvsi_frame_leave_void(dvsi_frame *frame);
/* Notes that the plugin broke the contract, unless something was noted before. Returns DVS_PUT_FATAL. */
int32_t dvsi_frame_breach(dvsi_frame *frame, const char *format, ...) __attribute__((format(printf, 2, 3)));
int32_t dvsi_frame_no_memory(dvsi_frame *frame);
/* The frame of the slot in which `function` of the host table was called; NULL when it was called anywhere
 * else, which is noted with the guest. */
dvsi_frame *dvsi_frame_of(const dvs_host *host, const char *function);

/* host->once: see plugin.h. */
int32_t dvsi_once(const char *name, int32_t (*init)(void));

#endif
