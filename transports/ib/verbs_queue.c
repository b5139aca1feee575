// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel side of rds_rdma: the queue pair of a connection. Its completions are looked at by a
 * tasklet, which the device's callbacks only schedule: some call them with the queue's lock held
 * (softroce.md 5). See verbs.h.
 */
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <rdma/ib_verbs.h>
#include <rdma/rdma_cm.h>

#include "trace.h"
#include "verbs_half.h"

#define POST_BATCH 8
#define POLL_BATCH 16

struct rv_queues {
	struct tasklet_struct tasklet;
	struct rdma_cm_id *id;
	struct ib_qp *qp;
	struct ib_cq *send_cq, *recv_cq;
	void *user;
	bool silent, failed;
	/* on the stack they would be zeroed for each look; each has one who looks at a time */
	struct ib_wc sent[POLL_BATCH], received[POLL_BATCH];
};

static void queues_poll(struct tasklet_struct *t)
{
	struct rv_queues *q = from_tasklet(q, t, tasklet);

	if (READ_ONCE(q->silent))
		return;
	if (xchg(&q->failed, false))
		rds_ib_broken(q->user);
	rds_ib_poll(q->user);
}

static void cq_completion(struct ib_cq *cq, void *context)
{
	struct rv_queues *q = context;

	rds_ib_cq_event();
	tasklet_schedule(&q->tasklet);
}

/* Events may come with interrupts off. */
static void fail_soon(struct rv_queues *q)
{
	WRITE_ONCE(q->failed, true);
	tasklet_schedule(&q->tasklet);
}

static void cq_error(struct ib_event *event, void *context)
{
	fail_soon(context);
}

static void qp_event(struct ib_event *event, void *context)
{
	struct rv_queues *q = context;

	if (event->event == IB_EVENT_COMM_EST)
		rdma_notify(q->id, IB_EVENT_COMM_EST);
	else
		fail_soon(q);
}

static struct ib_cq *make_cq(struct rv_device *dev, struct rv_queues *q, u32 cqe)
{
	static atomic_t next_vector;
	struct ib_cq_init_attr attr = {
		.cqe = cqe,
		.comp_vector = (unsigned int)atomic_inc_return(&next_vector) %
			       max(dev->ib->num_comp_vectors, 1),
	};

	return ib_create_cq(dev->ib, cq_completion, cq_error, q, &attr);
}

static int make_qp(struct rv_device *dev, struct rv_queues *q, const struct rv_sizes *sizes)
{
	struct ib_qp_init_attr attr = {
		.event_handler = qp_event,
		.qp_context = q,
		.send_cq = q->send_cq,
		.recv_cq = q->recv_cq,
		.cap =
			{
				.max_send_wr = sizes->send_wr,
				.max_recv_wr = sizes->recv_wr,
				.max_send_sge = sizes->send_sge,
				.max_recv_sge = sizes->recv_sge,
			},
		.sq_sig_type = IB_SIGNAL_REQ_WR,
		.qp_type = IB_QPT_RC,
	};
	int err = rdma_create_qp(q->id, dev->pd, &attr);

	if (!err)
		q->qp = q->id->qp;
	return err;
}

static void free_queues(struct rv_queues *q)
{
	/* before its completion queues: some refuse to go while it is there (softroce.md 13) */
	if (q->qp)
		rdma_destroy_qp(q->id);
	if (!IS_ERR_OR_NULL(q->send_cq))
		ib_destroy_cq(q->send_cq);
	if (!IS_ERR_OR_NULL(q->recv_cq))
		ib_destroy_cq(q->recv_cq);
	/* a last completion may have scheduled it */
	tasklet_kill(&q->tasklet);
	kfree(q);
}

struct rv_queues *rv_queues_create(struct rv_device *dev, struct rdma_cm_id *id,
				   const struct rv_sizes *sizes, void *user)
{
	struct rv_queues *q = kzalloc(sizeof(*q), GFP_KERNEL);
	int err;

	if (!q)
		return ERR_PTR(-ENOMEM);
	tasklet_setup(&q->tasklet, queues_poll);
	q->id = id;
	q->user = user;
	q->send_cq = make_cq(dev, q, sizes->send_cqe);
	q->recv_cq = make_cq(dev, q, sizes->recv_cqe);
	err = PTR_ERR_OR_ZERO(q->send_cq);
	if (!err)
		err = PTR_ERR_OR_ZERO(q->recv_cq);
	if (!err)
		err = make_qp(dev, q, sizes);
	if (!err)
		return q;
	free_queues(q);
	return ERR_PTR(err);
}

void rv_queues_fail(struct rv_queues *q)
{
	struct ib_qp_attr attr = {.qp_state = IB_QPS_ERR};

	ib_modify_qp(q->qp, &attr, IB_QP_STATE);
}

void rv_queues_poll_soon(struct rv_queues *q)
{
	tasklet_schedule(&q->tasklet);
}

bool rv_queues_drain(struct rv_queues *q, bool (*empty)(void *user), u32 ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(ms);

	for (;;) {
		tasklet_schedule(&q->tasklet);
		tasklet_unlock_wait(&q->tasklet);
		if (empty(q->user))
			return true;
		if (time_after(jiffies, end))
			return false;
		schedule_timeout_uninterruptible(1);
	}
}

void rv_queues_silence(struct rv_queues *q)
{
	WRITE_ONCE(q->silent, true);
	tasklet_kill(&q->tasklet);
}

void rv_queues_destroy(struct rv_queues *q)
{
	free_queues(q);
}

/* ---- posting ---- */

static const enum ib_wr_opcode opcodes[] = {
	[RV_SEND] = IB_WR_SEND,
	[RV_WRITE] = IB_WR_RDMA_WRITE,
	[RV_READ] = IB_WR_RDMA_READ,
	[RV_CSWP] = IB_WR_ATOMIC_CMP_AND_SWP,
	[RV_FADD] = IB_WR_ATOMIC_FETCH_AND_ADD,
	[RV_MASKED_CSWP] = IB_WR_MASKED_ATOMIC_CMP_AND_SWP,
	[RV_MASKED_FADD] = IB_WR_MASKED_ATOMIC_FETCH_AND_ADD,
};

/* Of a batch on the stack: what is used is filled in, the rest need not be zeroed each time. */
#define NOT_ZEROED __attribute__((uninitialized))

union any_wr {
	struct ib_send_wr send;
	struct ib_rdma_wr rdma;
	struct ib_atomic_wr atomic;
};

static void fill_wr(union any_wr *to, const struct rv_wr *from)
{
	struct ib_send_wr *wr = &to->send;

	/* what follows it is set below, as far as the operation has it */
	memset(wr, 0, sizeof(*wr));
	wr->wr_id = from->id;
	wr->sg_list = (struct ib_sge *)from->sge;
	wr->num_sge = from->nr_sge;
	wr->opcode = opcodes[from->op];
	wr->send_flags = (from->signaled ? IB_SEND_SIGNALED : 0) |
			 (from->solicited ? IB_SEND_SOLICITED : 0) |
			 (from->fence ? IB_SEND_FENCE : 0);
	switch (from->op) {
	case RV_SEND:
		break;
	case RV_WRITE:
	case RV_READ:
		to->rdma.remote_addr = from->remote_addr;
		to->rdma.rkey = from->rkey;
		break;
	default:
		to->atomic.remote_addr = from->remote_addr;
		to->atomic.rkey = from->rkey;
		to->atomic.compare_add = from->compare_add;
		to->atomic.swap = from->swap;
		to->atomic.compare_add_mask = from->compare_mask;
		to->atomic.swap_mask = from->swap_mask;
	}
}

u32 rv_post(struct rv_queues *q, const struct rv_wr *wrs, u32 nr)
{
	union any_wr batch[POST_BATCH] NOT_ZEROED;
	u32 done = 0;

	static_assert(sizeof(struct rv_sge) == sizeof(struct ib_sge));
	static_assert(offsetof(struct rv_sge, lkey) == offsetof(struct ib_sge, lkey));
	while (done < nr) {
		u32 n = min_t(u32, nr - done, POST_BATCH), i;
		const struct ib_send_wr *bad = NULL;

		for (i = 0; i < n; i++) {
			fill_wr(&batch[i], &wrs[done + i]);
			trace_rds_ib_post(q->qp->qp_num, &wrs[done + i]);
			if (i)
				batch[i - 1].send.next = &batch[i].send;
		}
		if (!ib_post_send(q->qp, &batch[0].send, &bad)) {
			done += n;
			continue;
		}
		/* not every driver says which, when it takes none */
		for (i = 0; bad && i < n && &batch[i].send != bad; i++)
			done++;
		break;
	}
	return done;
}

u32 rv_post_recv(struct rv_queues *q, const struct rv_recv *recvs, u32 nr)
{
	struct ib_recv_wr batch[POST_BATCH] NOT_ZEROED;
	u32 done = 0;

	while (done < nr) {
		u32 n = min_t(u32, nr - done, POST_BATCH), i;
		const struct ib_recv_wr *bad = NULL;

		for (i = 0; i < n; i++) {
			const struct rv_recv *r = &recvs[done + i];

			batch[i] = (struct ib_recv_wr){
				.wr_id = r->id,
				.sg_list = (struct ib_sge *)r->sge,
				.num_sge = ARRAY_SIZE(r->sge),
				.next = i + 1 < n ? &batch[i + 1] : NULL,
			};
		}
		if (!ib_post_recv(q->qp, batch, &bad)) {
			done += n;
			continue;
		}
		for (i = 0; bad && i < n && &batch[i] != bad; i++)
			done++;
		break;
	}
	return done;
}

/* ---- completions ---- */

static enum rv_status status_of(enum ib_wc_status status)
{
	switch (status) {
	case IB_WC_SUCCESS:
		return RV_OK;
	case IB_WC_WR_FLUSH_ERR:
		return RV_FLUSHED;
	case IB_WC_REM_ACCESS_ERR:
		return RV_REMOTE_ACCESS;
	default:
		return RV_ERROR;
	}
}

static u32 poll_cq(struct rv_queues *q, struct ib_cq *cq, struct ib_wc *batch, struct rv_wc *wcs,
		   u32 nr)
{
	int got = ib_poll_cq(cq, min_t(u32, nr, POLL_BATCH), batch), i;

	for (i = 0; i < got; i++) {
		trace_rds_ib_complete(q->qp->qp_num, cq == q->recv_cq, &batch[i]);
		wcs[i].id = batch[i].wr_id;
		wcs[i].status = status_of(batch[i].status);
		wcs[i].raw_status = batch[i].status;
		/* of a failed one neither is valid */
		wcs[i].bytes = wcs[i].status == RV_OK ? batch[i].byte_len : 0;
		wcs[i].receive = wcs[i].status == RV_OK && batch[i].opcode == IB_WC_RECV;
	}
	return got > 0 ? got : 0;
}

u32 rv_poll_send(struct rv_queues *q, struct rv_wc *wcs, u32 nr)
{
	return poll_cq(q, q->send_cq, q->sent, wcs, nr);
}

u32 rv_poll_recv(struct rv_queues *q, struct rv_wc *wcs, u32 nr)
{
	return poll_cq(q, q->recv_cq, q->received, wcs, nr);
}

bool rv_arm_send(struct rv_queues *q)
{
	return ib_req_notify_cq(q->send_cq, IB_CQ_NEXT_COMP | IB_CQ_REPORT_MISSED_EVENTS) > 0;
}

bool rv_arm_recv(struct rv_queues *q, bool solicited_only)
{
	return ib_req_notify_cq(q->recv_cq, (solicited_only ? IB_CQ_SOLICITED : IB_CQ_NEXT_COMP) |
						    IB_CQ_REPORT_MISSED_EVENTS) > 0;
}
