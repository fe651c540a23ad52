#include "apiserver/watchcache/ordered.h"

#include <stdlib.h>
#include <string.h>

void ordered_init(struct ordered *list)
{
	memset(list, 0, sizeof *list);
	list->random = 2463534242u;
}

void ordered_done(struct ordered *list, void (*free_value)(void *value))
{
	for (struct ordered_node *node = list->heads[0], *next; node; node = next) {
		next = node->next[0];
		if (free_value)
			free_value(node->value);
		free(node);
	}
	memset(list->heads, 0, sizeof list->heads);
	list->len = 0;
}

/* Fills links[i] with the pointer at level i that leads to the first node not below key. */
static struct ordered_node *find(const struct ordered *list, const char *key, struct ordered_node **links[])
{
	struct ordered_node **row = (struct ordered_node **)list->heads;
	struct ordered_node *node = NULL;
	for (int level = ORDERED_LEVELS - 1; level >= 0; level--) {
		while ((node = row[level]) && strcmp(node->key, key) < 0)
			row = node->next;
		if (links)
			links[level] = &row[level];
	}
	return node;
}

struct ordered_node *ordered_seek(const struct ordered *list, const char *key)
{
	return find(list, key, NULL);
}

void *ordered_get(const struct ordered *list, const char *key)
{
	struct ordered_node *node = find(list, key, NULL);
	return node && !strcmp(node->key, key) ? node->value : NULL;
}

static unsigned random_levels(struct ordered *list)
{
	list->random ^= list->random << 13;
	list->random ^= list->random >> 17;
	list->random ^= list->random << 5;
	unsigned levels = 1;
	for (uint32_t r = list->random; (r & 3) == 0 && levels < ORDERED_LEVELS; r >>= 2)
		levels++;
	return levels;
}

void *ordered_put(struct ordered *list, const char *key, void *value)
{
	struct ordered_node **links[ORDERED_LEVELS];
	struct ordered_node *node = find(list, key, links);
	if (node && !strcmp(node->key, key)) {
		void *old = node->value;
		node->key = key;
		node->value = value;
		return old;
	}
	unsigned levels = random_levels(list);
	node = malloc(sizeof *node + levels * sizeof(void *));
	if (!node)
		abort();
	node->key = key;
	node->value = value;
	node->levels = levels;
	for (unsigned i = 0; i < levels; i++) {
		node->next[i] = *links[i];
		*links[i] = node;
	}
	list->len++;
	return NULL;
}

void *ordered_remove(struct ordered *list, const char *key)
{
	struct ordered_node **links[ORDERED_LEVELS];
	struct ordered_node *node = find(list, key, links);
	if (!node || strcmp(node->key, key) != 0)
		return NULL;
	for (unsigned i = 0; i < node->levels; i++)
		*links[i] = node->next[i];
	void *value = node->value;
	free(node);
	list->len--;
	return value;
}
