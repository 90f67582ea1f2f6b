/* replay.c - runs a fuzz program without a fuzzer: all inputs of a folder, then mutations of them, always the
 * same ones. Usage: PROGRAM FOLDER [MUTATIONS]. */
#include <dirent.h>

#include "../unit/base/random.h"
#include "fuzz.h"

#define INPUT_SIZE 4096
#define INPUTS 1000

typedef struct input {
    char name[256];
    uint8_t *data;
    size_t size;
} input;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const input *)a)->name, ((const input *)b)->name);
}

/* Reads one file of the folder; 0, or -1 after a message. */
static int read_input(const char *folder, input *in)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, in->name);
    file = fopen(path, "rb");
    in->data = malloc(INPUT_SIZE);
    if (file == NULL || in->data == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        if (file != NULL)
            fclose(file);
        return -1;
    }
    in->size = fread(in->data, 1, INPUT_SIZE, file);
    fclose(file);
    return 0;
}

/* In memory of exactly its size, so that a sanitizer sees every byte read too far. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);

    CHECK(exact != NULL);
    if (size > 0)
        memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

/* Changes a copy of one input a few times; parts of another may be put in. Returns the new size. */
static size_t mutate(uint8_t out[INPUT_SIZE], const input *from, const input *other)
{
    size_t size = from->size;

    memcpy(out, from->data, size);
    for (size_t times = 1 + random_below(4); times > 0; times--) {
        size_t at = random_below(size + 1), length;

        switch (random_below(5)) {
        case 0: /* another byte */
            if (at < size)
                out[at] = (uint8_t)random_bits();
            break;
        case 1: /* one bit */
            if (at < size)
                out[at] ^= (uint8_t)(1u << random_below(8));
            break;
        case 2: /* leave out a part */
            length = random_below(size - at + 1);
            memmove(out + at, out + at + length, size - at - length);
            size -= length;
            break;
        case 3: /* put in a part of another */
            length = random_below(other->size + 1);
            if (size + length > INPUT_SIZE)
                break;
            memmove(out + at + length, out + at, size - at);
            memcpy(out + at, other->data + random_below(other->size - length + 1), length);
            size += length;
            break;
        default: /* a part twice */
            length = random_below(size - at + 1);
            if (size + length > INPUT_SIZE)
                break;
            memmove(out + at + length, out + at, size - at);
            size += length;
            break;
        }
    }
    return size;
}

int main(int argc, char **argv)
{
    static input inputs[INPUTS];
    static uint8_t mutated[INPUT_SIZE];
    size_t count = 0, mutations = argc > 2 ? strtoul(argv[2], NULL, 10) : 20000;
    struct dirent *entry;
    DIR *folder = argc > 1 ? opendir(argv[1]) : NULL;
    int result = 1;

    if (folder == NULL) {
        fprintf(stderr, "usage: %s FOLDER [MUTATIONS]\n", argv[0]);
        return 2;
    }
    while (count < INPUTS && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.')
            snprintf(inputs[count++].name, sizeof inputs[0].name, "%s", entry->d_name);
    }
    closedir(folder);
    qsort(inputs, count, sizeof inputs[0], by_name);
    if (count == 0) {
        fprintf(stderr, "no inputs in %s\n", argv[1]);
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        if (read_input(argv[1], &inputs[i]) != 0)
            goto out;
        run(inputs[i].data, inputs[i].size);
    }
    for (size_t i = 0; i < mutations; i++)
        run(mutated, mutate(mutated, &inputs[random_below(count)], &inputs[random_below(count)]));
    printf("%zu inputs, %zu mutations\n", count, mutations);
    result = 0;
out:
    for (size_t i = 0; i < count; i++)
        free(inputs[i].data);
    return result;
}
