#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "text.h"

void sim_answer_clear(struct sim_answer *answer)
{
    for (size_t i = 0; i < answer->n_headers; i++)
        free(answer->headers[i].value);
    free(answer->body);
    memset(answer, 0, sizeof *answer);
}

void sim_answer_header(struct sim_answer *answer, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *value;
    int n = vasprintf(&value, format, args);
    va_end(args);
    if (n < 0) {
        answer->failed = 1;
        return;
    }
    if (answer->n_headers == SIM_HEADERS_MAX) {
        free(value);
        answer->failed = 1;
        return;
    }
    answer->headers[answer->n_headers].name = name;
    answer->headers[answer->n_headers++].value = value;
}

void sim_answer_take(struct sim_answer *answer, int status, const char *content_type, char *body,
                     size_t length)
{
    free(answer->body);
    answer->status = status;
    answer->body = body;
    answer->length = body == NULL ? 0 : length;
    if (body == NULL)
        answer->failed = 1;
    sim_answer_header(answer, "Content-Type", "%s", content_type);
}

void sim_answer_text(struct sim_answer *answer, int status, const char *content_type, const char *body)
{
    sim_answer_take(answer, status, content_type, strdup(body), strlen(body));
}

void sim_answer_error(struct sim_answer *answer, int status, const char *code, const char *message)
{
    struct sim_text text = {0};
    sim_text_puts(&text, "{\"error\":{\"code\":");
    sim_text_json(&text, code, strlen(code));
    sim_text_puts(&text, ",\"message\":");
    sim_text_json(&text, message, strlen(message));
    sim_text_puts(&text, "}}");
    size_t length = 0;
    char *body = sim_text_take(&text, &length);
    sim_answer_take(answer, status, "application/json; odata.metadata=minimal", body, length);
}
