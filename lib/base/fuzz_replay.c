/*
 * fuzz_replay: main() for fuzz targets that are built without libFuzzer. Runs every file named (or found in a
 * directory named) through the target, and then a fixed number of mutations of each, so that ordinary test
 * runs fuzz a little too.
 */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 20, MUTATIONS = 200 };

static unsigned inputs;

/* xorshift: the same inputs in every run, so that a failure repeats. */
static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Each input lies in memory of exactly its size, so that the address sanitizer sees overruns. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	inputs++;
}

static void run_mutated(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(2 * size + 1);
	uint32_t seed = 2463534242u + (uint32_t)size;
	if (!copy)
		abort();
	for (int i = 0; i < MUTATIONS && size; i++) {
		size_t len = size;
		memcpy(copy, data, size);
		for (uint32_t changes = next_random(&seed) % 4 + 1; changes; changes--) {
			uint32_t at = next_random(&seed) % (uint32_t)len;
			switch (next_random(&seed) % 5) {
			case 0:
				copy[at] ^= (uint8_t)(1u << next_random(&seed) % 8);
				break;
			case 1:
				copy[at] = (uint8_t)next_random(&seed);
				break;
			case 2:
				len = at + 1;
				break;
			case 3: /* say a piece twice */
				if (len <= size) {
					memmove(copy + len, copy + at, len - at);
					len += len - at;
				}
				break;
			default:
				copy[at] = next_random(&seed) % 2 ? 0xff : 0;
			}
		}
		run(copy, len);
	}
	free(copy);
}

static int run_path(const char *path)
{
	DIR *dir = opendir(path);
	if (dir) {
		int failed = 0;
		for (struct dirent *entry; (entry = readdir(dir));) {
			char name[4096];
			if (entry->d_name[0] == '.')
				continue;
			snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
			failed |= run_path(name);
		}
		closedir(dir);
		return failed;
	}
	FILE *file = fopen(path, "rbe");
	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	uint8_t *data = malloc(INPUT_MAX);
	if (!data)
		abort();
	size_t size = fread(data, 1, INPUT_MAX, file);
	fclose(file);
	run(data, size);
	run_mutated(data, size);
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	int failed = 0;
	run((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++)
		failed |= run_path(argv[i]);
	printf("%u inputs\n", inputs);
	return failed;
}
