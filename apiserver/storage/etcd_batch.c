/*
 * Conditional puts collected into one transaction each hundred: all of them are done, or none. When none was,
 * because a condition did not hold or for whatever other reason, each goes on alone and finds out for itself.
 */
#include "apiserver/storage/etcd.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_MAX = 100 }; /* etcd takes 128 operations in a transaction (--max-txn-ops) */

struct etcd_batch {
	struct etcd_batch *next;
	struct etcd *etcd;
	struct storage_op *members[BATCH_MAX]; /* NULL: cancelled */
	size_t len;
};

static void unlink_batch(struct etcd *etcd, struct etcd_batch *batch)
{
	struct etcd_batch **p = &etcd->batches;
	while (*p != batch)
		p = &(*p)->next;
	*p = batch->next;
}

static void append_parts(struct buf *body, const struct etcd_batch *batch, bool wants_success)
{
	bool is_first = true;
	for (size_t i = 0; i < batch->len; i++) {
		const struct storage_op *op = batch->members[i];
		if (!op)
			continue;
		if (!is_first)
			buf_putc(body, ',');
		is_first = false;
		size_t from = wants_success ? op->success_at : strlen(ETCD_TXN_BEGIN);
		size_t to = wants_success ? op->body.size - strlen(ETCD_TXN_END)
					  : op->success_at - strlen(ETCD_TXN_MIDDLE);
		buf_append(body, op->body.data + from, to - from);
	}
}

static void on_done(void *arg, const struct storage_result *result)
{
	struct etcd_batch *batch = arg;
	for (size_t i = 0; i < batch->len; i++) {
		struct storage_op *op = batch->members[i]; /* what is called back may cancel later ones */
		if (!op)
			continue;
		batch->members[i] = NULL;
		op->batch = NULL;
		if (!result->error && result->succeeded)
			etcd_finish(op, result);
		else
			etcd_send(op);
	}
	unlink_batch(batch->etcd, batch);
	free(batch);
}

static void send_batch(struct etcd *etcd)
{
	struct etcd_batch *batch = etcd->open_batch;
	etcd->open_batch = NULL;
	if (!batch)
		return;
	struct storage_op *op = etcd_start(&etcd->storage, ETCD_TXN, "/v3/kv/txn", on_done, batch);
	buf_puts(&op->body, ETCD_TXN_BEGIN);
	append_parts(&op->body, batch, false);
	buf_puts(&op->body, ETCD_TXN_MIDDLE);
	append_parts(&op->body, batch, true);
	buf_puts(&op->body, ETCD_TXN_END);
	etcd_send(op);
}

static struct etcd_batch *new_batch(struct etcd *etcd)
{
	struct etcd_batch *batch = calloc(1, sizeof *batch);
	if (!batch)
		abort();
	batch->etcd = etcd;
	batch->next = etcd->batches;
	etcd->batches = batch;
	return batch;
}

void etcd_batch_add(struct storage_op *op)
{
	struct etcd *etcd = op->etcd;
	if (!etcd->open_batch)
		etcd->open_batch = new_batch(etcd);
	op->batch = etcd->open_batch;
	op->batch->members[op->batch->len++] = op;
	if (op->batch->len == BATCH_MAX)
		send_batch(etcd);
}

void etcd_batch_forget(struct storage_op *op)
{
	struct etcd_batch *batch = op->batch;
	for (size_t i = 0; i < batch->len; i++)
		if (batch->members[i] == op)
			batch->members[i] = NULL;
}

void etcd_batch_open(struct storage *s, bool is_open)
{
	struct etcd *etcd = (struct etcd *)s;
	etcd->is_collecting = is_open;
	if (!is_open)
		send_batch(etcd);
}

void etcd_batch_free_all(struct etcd *etcd)
{
	while (etcd->batches) {
		struct etcd_batch *batch = etcd->batches;
		etcd->batches = batch->next;
		free(batch);
	}
}
