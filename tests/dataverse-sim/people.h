/*
 * people.h - invented people, companies and sentences. `r`: any number; the same gives the same. All add
 * plain text.
 */
#ifndef SIM_PEOPLE_H
#define SIM_PEOPLE_H

#include <stdint.h>

#include "text.h"

const char *sim_people_first(uint64_t r);
const char *sim_people_last(uint64_t r);
const char *sim_people_city(uint64_t r);
const char *sim_people_country(uint64_t r);
const char *sim_people_word(uint64_t r);
void sim_people_company(struct sim_text *text, uint64_t r);
void sim_people_street(struct sim_text *text, uint64_t r);
/* Several sentences with line ends, quotes, backslashes and characters of two, three and four bytes. */
void sim_people_description(struct sim_text *text, uint64_t r);
void sim_people_words(struct sim_text *text, uint64_t r, unsigned n);

#endif
