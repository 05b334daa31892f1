/* SPDX-License-Identifier: Apache-2.0
   One error, one clear line: what and where. Functions that can fail take a struct error last and return 0 or -1. */
#ifndef ERROR_H
#define ERROR_H
struct error { char text[1024]; };
/* Sets the text (printf style) and returns -1. */
int fail(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
#endif
