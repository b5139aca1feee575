// SPDX-License-Identifier: GPL-2.0
/*
 * A link: one queue pair with its rings and the buffers in them, from its set-up to its end. Made by
 * connect.cc before the connection manager connects or accepts, so that receives are posted before
 * the peer can send, and ended in conn_shutdown. The tasklet's work is here, too.
 */
#include "ib.h"

namespace {

constexpr u32 drain_ms = 5000;
/* Receives posted before the connection stands: a stranger is not to get more than these. */
constexpr u32 first_receives = 32;
/* A message must end before the ring is half empty, or its end, which alone wakes us, never comes. */
constexpr u32 least_for_solicited = 2 * (RDS_MAX_MSG_SIZE / RDS_FRAG_SIZE + 1);
constexpr u32 headers_of_page = PAGE_BYTES / RDS_HEADER_BYTES;
/* Entries of the largest operation: 1024 ranges of the user, 1 MiB in all; two bytes may lie in two pages. */
constexpr u32 most_entries = 2 * 1024 + RDS_MAX_MSG_SIZE / PAGE_BYTES - 1;

u32 clamp(unsigned long wanted, u32 least, u32 most)
{
	unsigned long n = wanted < least ? least : wanted;
	return n < most ? static_cast<u32>(n) : most;
}

/* Room for any operation at once, or those would wait for ever (ib.md I3); and an acknowledgement. */
u32 send_slots_of(const rds_ib_device &dev)
{
	u32 least = (most_entries + dev.read_sge - 1) / dev.read_sge;
	u32 device = dev.limits.qp_wr < dev.limits.cqe ? dev.limits.qp_wr : dev.limits.cqe;
	return clamp(rds_ib_settings.max_send_wr, least, device - 2);
}

u32 recv_slots_of(const rds_ib_device &dev, bool flow)
{
	u32 device = dev.limits.qp_wr < dev.limits.cqe ? dev.limits.qp_wr : dev.limits.cqe;
	/* so many that what is worth a frame can be used up before the last credit */
	u32 least = flow ? 2 * rds::ib::credits_worth_a_frame : 1;
	return clamp(rds_ib_settings.max_recv_wr, least, device - 2);
}

bool link_drained(void *user)
{
	return static_cast<rds_ib_link *>(user)->drained();
}

} // namespace

/* ---- headers ---- */

int rds_ib_headers::make(rv_device *dev, u32 nr, bool to)
{
	to_device = to;
	u32 want = (nr + headers_of_page - 1) / headers_of_page;
	pages = static_cast<page_of *>(kernel_big_zalloc(want * sizeof(*pages)));
	if (!pages)
		return -ENOMEM;
	for (; nr_pages < want; nr_pages++) {
		page_of &p = pages[nr_pages];
		if (kernel_pieces_alloc(&p.piece, 1, PAGE_BYTES, kernel::gfp_kernel) != 1)
			return -ENOMEM;
		p.addr = rv_map(dev, p.piece.bv_page, 0, PAGE_BYTES, to);
		if (p.addr == RV_NO_ADDRESS) {
			kernel_pieces_recycle(&p.piece, 1);
			return -ENOMEM;
		}
	}
	return 0;
}

void rds_ib_headers::free(rv_device *dev)
{
	while (nr_pages) {
		page_of &p = pages[--nr_pages];
		rv_unmap(dev, p.addr, PAGE_BYTES, to_device);
		kernel_pieces_recycle(&p.piece, 1);
	}
	kernel_big_free(pages);
	pages = nullptr;
}

rds_header *rds_ib_headers::at(u32 i) const
{
	auto *page = static_cast<u8 *>(rv_page_address(pages[i / headers_of_page].piece.bv_page));
	return reinterpret_cast<rds_header *>(page + i % headers_of_page * RDS_HEADER_BYTES);
}

u64 rds_ib_headers::addr(u32 i) const
{
	return pages[i / headers_of_page].addr + i % headers_of_page * RDS_HEADER_BYTES;
}

/* ---- set-up ---- */

rds_ib_link::rds_ib_link(rds_ib_connection *c, rds_ib_device *d)
    : ic(c), dev(d), wants_flow(kernel::read_once(rds_ib_settings.flow_control))
{}

rds_ib_link::~rds_ib_link()
{
	if (attached)
		dev->detach(ic);
	dev->leave();
}

int rds_ib_link::make_rings(rdma_cm_id *id)
{
	u32 sends = send_slots_of(*dev), receives = recv_slots_of(*dev, wants_flow);
	send_ring.init(sends);
	recv_ring.init(receives);
	send_slots = static_cast<rds_ib_send_slot *>(
		kernel_big_zalloc(sends * sizeof(*send_slots)));
	recv_slots = static_cast<rds_ib_recv_slot *>(
		kernel_big_zalloc(receives * sizeof(*recv_slots)));
	if (!send_slots || !recv_slots)
		return -ENOMEM;
	int err = send_headers.make(dev->rv, sends, true);
	if (!err)
		err = recv_headers.make(dev->rv, receives, false);
	if (!err)
		err = ack_header.make(dev->rv, 1, true);
	if (err)
		return err;
	const rv_sizes sizes = {sends + 1, receives + 1, sends + 2, receives + 1, dev->send_sge, 2};
	rv_queues *q = rv_queues_create(dev->rv, id, &sizes, this);
	err = kernel::pointer_error(q);
	if (!err)
		queues = q;
	return err;
}

/**
 * start - everything that a connection needs, receives posted
 * @attach: the connection is not on the device's list yet.
 * Context: P, the connection's mutex. Return: 0, or errno: the caller calls stop(), too.
 */
int rds_ib_link::start(rdma_cm_id *id, bool attach)
{
	attached = attach && dev->attach(ic);
	if (attach && !attached)
		return -ENODEV;
	int err = make_rings(id);
	if (!err)
		err = refill(kernel::gfp_kernel, first_receives);
	return err;
}

/* The connection stands. Before rds_connect_complete(). Context: P. */
void rds_ib_link::establish(bool with_flow, u32 credit, u32 peer_reads)
{
	credits.init(credit);
	flow = with_flow;
	reads = rds::ib::depth(dev->limits.initiator_depth, peer_reads);
	/* what cannot be had now is asked for when something has come */
	(void)refill(kernel::gfp_kernel, recv_ring.size());
	kernel::store_release(live, u32{1});
	rv_queues_poll_soon(queues);
}

/* ---- end ---- */

bool rds_ib_link::drained() const
{
	return send_ring.used() <= never_told && recv_ring.empty() &&
	       !kernel::load_acquire(ack_busy);
}

/**
 * stop - the device lets go of every buffer, then they are freed
 * Context: P; of a link that was started, once, also if that failed. The CM has been told. What has
 * arrived whole is delivered, what was posted and did not go out is not. Nobody sends or receives
 * any more but the tasklet.
 */
void rds_ib_link::stop()
{
	/* whose it was nobody knows, nor whether he counts anew; nothing of it was acknowledged */
	if (!kernel::read_once(live))
		kernel::write_once(dead, u32{1});
	kernel::store_release(closing, u32{1});
	if (queues) {
		rv_queues_fail(queues);
		kernel::full_barrier(); /* against stall() */
		/* the tasklet has it from here: the lane's receive work was cancelled */
		kernel::store_release(stalled, u32{0});
		if (!rv_queues_drain(queues, link_drained, drain_ms))
			kernel_log("RDS/IB: %s did not give back all work requests",
				   rv_device_name(dev->rv));
		rv_queues_silence(queues);
		rv_queues_destroy(queues);
		queues = nullptr;
	}
	free_rings();
}

/* What no completion came for: the queue pair is gone, so nobody uses it. */
void rds_ib_link::end_sends()
{
	while (!send_ring.empty()) {
		retire(send_ring.oldest(), RV_FLUSHED);
		send_ring.retire(1);
	}
}

void rds_ib_link::end_receives()
{
	for (u32 i = 0; i < recv_ring.size(); i++) {
		rds_ib_recv_slot &slot = recv_slots[i];
		if (!slot.piece.bv_page)
			continue;
		rv_unmap(dev->rv, slot.addr, RDS_FRAG_SIZE, false);
		kernel_pieces_recycle(&slot.piece, 1);
	}
	forget(partial);
	forget(whole);
}

void rds_ib_link::free_rings()
{
	if (send_slots)
		end_sends();
	if (recv_slots)
		end_receives();
	send_headers.free(dev->rv);
	recv_headers.free(dev->rv);
	ack_header.free(dev->rv);
	kernel_big_free(send_slots);
	kernel_big_free(recv_slots);
}

/* ---- the tasklet ---- */

/* It cannot go on: the life of the lane shuts it down. Context: A. */
void rds_ib_link::broken(rds_conn_why why)
{
	kernel::write_once(dead, u32{1});
	if (!kernel::read_once(closing))
		rds_conn_drop_why(ic->conn, why);
}

bool rds_ib_link::poll_sends()
{
	u32 nr = rv_poll_send(queues, sent, rds_ib_batch);

	for (u32 i = 0; i < nr; i++)
		send_completed(sent[i]);
	return nr == rds_ib_batch;
}

/* Return: there may be more. */
bool rds_ib_link::poll_receives()
{
	if (kernel::load_acquire(stalled))
		return false;
	if (wc_next == wc_nr) {
		wc_next = 0;
		wc_nr = rv_poll_recv(queues, wcs, rds_ib_batch);
	}
	if (!wc_nr && !whole)
		return false;
	bool more = wc_nr == rds_ib_batch;
	if (go_on(kernel::gfp_atomic)) {
		stall();
		return false;
	}
	return more;
}

/*
 * Until both queues are empty and armed, but not for ever: what goes on longer than that lets others
 * have the CPU. Before the connection stands nothing is looked at.
 */
void rds_ib_link::poll()
{
	constexpr int most_rounds = 32;

	rds_ib_count(RDS_IB_TASKLET_CALL);
	if (!kernel::load_acquire(live) && !kernel::load_acquire(closing))
		return;
	for (int round = 0;; round++) {
		/* these first: they say why, if the queue pair has broken */
		bool more = poll_sends();
		more = poll_receives() || more;
		if (!more) {
			/* who is stalled looks again when it goes on */
			more = !kernel::load_acquire(stalled) &&
			       rv_arm_recv(queues, recv_ring.size() >= least_for_solicited);
			more = rv_arm_send(queues) || more;
		}
		if (!more)
			break;
		if (round == most_rounds) {
			rv_queues_poll_soon(queues);
			break;
		}
	}
	send_ack();
}

extern "C" void rds_ib_cq_event(void)
{
	rds_ib_count(RDS_IB_EVT_HANDLER_CALL);
}

extern "C" void rds_ib_poll(void *user)
{
	static_cast<rds_ib_link *>(user)->poll();
}

extern "C" void rds_ib_broken(void *user)
{
	static_cast<rds_ib_link *>(user)->broken(RDS_WHY_queue_error);
}
