/* signals.h - SIGINT and SIGTERM: the first stops the sync at a checkpoint, the second ends the program. */
#ifndef DVSI_CLI_SIGNALS_H
#define DVSI_CLI_SIGNALS_H

#include "dvsync/dvsync.h"

/* Catches both signals from now on; `quiet`: without a word. Ignored signals (nohup) stay ignored. */
void dvsi_cli_signals_catch(int quiet);
/* The project that a signal stops; NULL: none for now. One that came before stops it at once. */
void dvsi_cli_signals_project(dvs_project *project);
/* 130 or 143 when a signal came, else 0. */
int dvsi_cli_interrupted(void);

#endif
