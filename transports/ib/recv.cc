// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving: completions of the receive ring become messages for the core, and buffers go back onto
 * the ring. In the link's tasklet; when there is no memory, in the lane's receive work, which may
 * sleep for it: nothing of a completion is consumed before all that it needs is there. ib.md 13.
 */
#include "ib.h"

namespace {

/* Payload up to this is copied, and its buffer stays on the ring. */
constexpr u32 copied = 1024;

/* Fragments that hold payload of messages nobody has read yet, all connections. */
u64 fragments_held;

rds_ib_incoming *incoming_of(rds_incoming *inc)
{
	return reinterpret_cast<rds_ib_incoming *>(inc);
}

/* For rds_cong_recv_map(): the map is in fragments. */
void read_map(void *arg, unsigned int off, void *to, unsigned int len)
{
	const auto *in = static_cast<const rds_ib_incoming *>(arg);
	auto *out = static_cast<u8 *>(to);

	while (len) {
		const bio_vec &piece = in->pieces()[off / RDS_FRAG_SIZE];
		u32 at = off % RDS_FRAG_SIZE, n = RDS_FRAG_SIZE - at;
		if (n > len)
			n = len;
		const auto *from = static_cast<const u8 *>(rv_page_address(piece.bv_page)) +
				   piece.bv_offset;
		__builtin_memcpy(out, from + at, n);
		out += n;
		off += n;
		len -= n;
	}
}

rds_drop_why drop_reason(rds::ib::verdict v)
{
	return v == rds::ib::verdict::bad_checksum ? RDS_DROP_bad_checksum : RDS_DROP_bad_length;
}

const char *complaint(rds::ib::verdict v)
{
	switch (v) {
	case rds::ib::verdict::too_short:
		return "less than a header";
	case rds::ib::verdict::bad_checksum:
		return "a header with a wrong checksum";
	case rds::ib::verdict::not_its_part:
		return "a part of another message";
	default:
		return "a part of a wrong length";
	}
}

} // namespace

/* The peer has sent what is no RDS: nothing that follows means anything. */
void rds_ib_link::protocol_error(rds_drop_why why, const rds_header *hdr, const char *what)
{
	if (!kernel::read_once(dead) && !kernel::read_once(closing)) {
		rds_recv_drop(ic->conn, why, hdr);
		kernel_log("connection to %pI6c dropped: the peer sent %s", &ic->conn->c_faddr,
			   what);
	}
	broken(RDS_WHY_bad_header);
}

/* Room for the message that @hdr begins. Its length is not believed beyond what one may have. */
int rds_ib_link::begin_message(const rds_header &hdr, gfp_t gfp)
{
	u32 len = hdr.h_len.host();
	if (len > RDS_MAX_MSG_SIZE)
		len = 0; /* it will be found wrong */
	bool linear = len <= copied;
	u32 parts = linear ? 0 : rds::ib::parts_of(len);
	u64 most = kernel::read_once(rds_ib_settings.max_recv_allocation);
	u64 held = kernel::read_once(fragments_held);
	/* one that is larger than all there may be comes when there is none */
	if (parts && held && held + parts > most) {
		rds_ib_count(RDS_IB_RX_ALLOC_LIMIT);
		return -ENOMEM;
	}
	size_t bytes = sizeof(*partial) + (linear ? len : parts * sizeof(bio_vec));
	auto *room = static_cast<rds_ib_incoming *>(kernel_alloc(bytes, gfp));
	if (!room)
		return -ENOMEM;
	rds_inc_init(&room->inc, ic->conn, &ic->conn->c_faddr);
	room->linear_len = linear ? len : 0;
	room->nr = room->filled = 0;
	room->max = parts;
	room->inc.i_memory = static_cast<u32>(kernel_alloc_takes(bytes)) +
			     parts * static_cast<u32>(RDS_FRAG_SIZE);
	kernel::add_return(fragments_held, u64{parts});
	partial = room;
	rds_ib_count(RDS_IB_RX_TOTAL_INCS);
	return 0;
}

/* The payload of the fragment in @slot: small messages are copied, of others the page is taken. */
void rds_ib_link::keep(rds_ib_recv_slot &slot, u32 bytes)
{
	if (!bytes)
		return;
	if (!partial->max) {
		rv_sync_for_cpu(dev->rv, slot.addr, bytes, false);
		__builtin_memcpy(partial->linear() + partial->filled,
				 rv_page_address(slot.piece.bv_page), bytes);
		partial->filled += bytes;
		rv_sync_for_device(dev->rv, slot.addr, bytes, false);
		return;
	}
	rv_unmap(dev->rv, slot.addr, RDS_FRAG_SIZE, false);
	bio_vec &piece = partial->pieces()[partial->nr++];
	piece = slot.piece;
	piece.bv_len = bytes;
	slot.piece.bv_page = nullptr;
}

void rds_ib_link::forget(rds_ib_incoming *&in)
{
	if (in)
		rds_inc_put(&in->inc);
	in = nullptr;
}

/* @whole to the core. Return: 0; -ENOMEM: it is still there. */
int rds_ib_link::deliver(gfp_t gfp)
{
	rds_header &hdr = whole->inc.i_hdr;
	switch (rds::kind_of(hdr)) {
	case rds::stream_kind::ignore:
		rds_recv_drop(ic->conn, RDS_DROP_bad_map, &hdr);
		break;
	case rds::stream_kind::map:
		if (int err = rds_cong_recv_map(ic->conn, read_map, whole, 1))
			return err;
		break;
	default:
		rds_recv_incoming(ic->conn, &ic->conn->c_faddr, &ic->conn->c_laddr, &whole->inc,
				  gfp);
		/* it is queued or discarded: the peer may forget it */
		if (hdr.h_sequence != kernel::be64(0))
			kernel::store_release(next_ack, u64{hdr.h_sequence.host()});
		if (hdr.h_flags & RDS_FLAG_ACK_REQUIRED)
			wish_for_ack();
	}
	rds_ib_incoming *done = whole;
	whole = nullptr;
	rds_inc_put(&done->inc);
	return 0;
}

void rds_ib_link::consumed()
{
	recv_ring.retire(1);
	if (recv_ring.empty())
		rds_ib_count(RDS_IB_RX_RING_EMPTY);
}

/* One completion. Return: 0 consumed; -ENOMEM: nothing was. */
int rds_ib_link::take(const rv_wc &wc, gfp_t gfp)
{
	if (recv_ring.covered(wc.id) != 1) {
		broken(RDS_WHY_queue_error);
		return 0;
	}
	u32 pos = static_cast<u32>(wc.id);
	rds_ib_recv_slot &slot = recv_slots[pos];
	if (wc.status != RV_OK)
		broken(RDS_WHY_queue_error);
	else if (!wc.receive)
		protocol_error(RDS_DROP_bad_length, nullptr, "what is no SEND");
	if (kernel::read_once(dead)) {
		consumed();
		return 0;
	}
	rv_sync_for_cpu(dev->rv, recv_headers.addr(pos), RDS_HEADER_BYTES, false);
	const rds_header &hdr = *recv_headers.at(pos);
	bool more = wc.bytes > RDS_HEADER_BYTES || !rds::ib::is_ack_only(hdr, wc.bytes);
	if (more && wc.bytes >= RDS_HEADER_BYTES && !assembly.begun() && !partial)
		if (int err = begin_message(hdr, gfp))
			return err;
	rds::ib::verdict v = assembly.take(hdr, wc.bytes);
	if (rds::ib::is_fatal(v)) {
		protocol_error(drop_reason(v), wc.bytes < RDS_HEADER_BYTES ? nullptr : &hdr,
			       complaint(v));
		consumed();
		return 0;
	}
	rds_ib_count(RDS_IB_RX_CQ_EVENT);
	if (u64 ack = hdr.h_ack.host(); ack > acks)
		acks = ack;
	if (flow && hdr.h_credit) {
		rds_ib_count(RDS_IB_RX_CREDIT_UPDATES);
		credits.heard(hdr.h_credit);
		kick();
	}
	if (v == rds::ib::verdict::ack_only) {
		rds_ib_count(RDS_IB_ACK_RECEIVED);
		consumed();
		return 0;
	}
	rds_ib_count(RDS_IB_RX_TOTAL_FRAGS);
	keep(slot, wc.bytes - static_cast<u32>(RDS_HEADER_BYTES));
	consumed();
	if (v == rds::ib::verdict::complete) {
		whole = partial;
		partial = nullptr;
		whole->inc.i_hdr = assembly.header();
		whole->inc.i_len = whole->inc.i_hdr.h_len.host();
	}
	return 0;
}

/*
 * What was polled, in order, then new buffers. Return: 0; -ENOMEM: to be called again, from where
 * one may sleep.
 */
int rds_ib_link::go_on(gfp_t gfp)
{
	int err = 0;

	for (;;) {
		if (whole)
			err = deliver(gfp);
		if (err || wc_next == wc_nr)
			break;
		err = take(wcs[wc_next], gfp);
		if (err)
			break;
		wc_next++;
	}
	/* not the greatest ever: a peer that acknowledged what was not sent yet is heard again */
	if (acks && acks != acked)
		rds_send_drop_acked(ic->conn, acked = acks, nullptr);
	acks = 0;
	if (err && kernel::read_once(closing)) {
		/* it was not acknowledged, so it comes again */
		kernel::write_once(dead, u32{1});
		forget(whole);
		return go_on(gfp);
	}
	if (err || kernel::read_once(closing))
		return err;
	rds_ib_count(gfp == kernel::gfp_atomic ? RDS_IB_RX_REFILL_FROM_CQ
					       : RDS_IB_RX_REFILL_FROM_THREAD);
	err = refill(gfp, recv_ring.size());
	/* a ring that still has half of its buffers can wait */
	return err && recv_ring.low() ? err : 0;
}

/* Buffers for free slots, until @most are posted. Return: 0; -ENOMEM: not for all. */
int rds_ib_link::refill(gfp_t gfp, u32 most)
{
	u32 lkey = rv_lkey(dev->rv);

	while (!kernel::read_once(dead) && recv_ring.used() < most) {
		u32 first, got = recv_ring.take(rds_ib_batch, first), made = 0;
		if (!got)
			return 0;
		for (; made < got; made++) {
			u32 pos = recv_ring.after(first, made);
			rds_ib_recv_slot &slot = recv_slots[pos];
			if (!slot.piece.bv_page) {
				if (kernel_pieces_alloc(&slot.piece, 1, RDS_FRAG_SIZE, gfp) != 1) {
					slot.piece.bv_page = nullptr;
					break;
				}
				slot.addr = rv_map(dev->rv, slot.piece.bv_page, 0, RDS_FRAG_SIZE,
						   false);
				if (slot.addr == RV_NO_ADDRESS) {
					kernel_pieces_recycle(&slot.piece, 1);
					slot.piece.bv_page = nullptr;
					break;
				}
			}
			rv_sync_for_device(dev->rv, recv_headers.addr(pos), RDS_HEADER_BYTES,
					   false);
			recvs[made].id = pos;
			recvs[made].sge[0] = {recv_headers.addr(pos), RDS_HEADER_BYTES, lkey};
			recvs[made].sge[1] = {slot.addr, RDS_FRAG_SIZE, lkey};
		}
		u32 posted = made ? rv_post_recv(queues, recvs, made) : 0;
		recv_ring.give_back(got - posted);
		if (flow && posted && credits.posted(posted))
			wish_for_ack();
		if (posted < made) {
			broken(RDS_WHY_queue_error);
			return -EIO;
		}
		if (made < got)
			return -ENOMEM;
	}
	return 0;
}

/* From here on the lane's receive work has the receiving side, until receive() gives it back. */
void rds_ib_link::stall()
{
	kernel::store_release(stalled, u32{1});
	kernel::full_barrier(); /* against stop() */
	if (kernel::read_once(closing))
		kernel::store_release(stalled, u32{0});
	else
		rds_recv_kick(ic->conn);
}

/* The recv hook. Return: 0; -ENOMEM: again, soon. */
int rds_ib_link::receive()
{
	if (!kernel::load_acquire(stalled))
		return 0;
	int err = go_on(kernel::gfp_kernel);
	/* what was delivered before it failed */
	send_ack();
	if (err)
		return err;
	kernel::store_release(stalled, u32{0});
	rv_queues_poll_soon(queues);
	return 0;
}

/* ---- what becomes of it ---- */

/* Context: P, several readers at once; nothing is changed. */
int rds_ib_inc_copy_to_user(rds_incoming *inc, iov_iter *to)
{
	const rds_ib_incoming *in = incoming_of(inc);

	if (!in->max)
		return kernel_linear_to_iter(in->linear(), in->linear_len, to);
	return kernel_pieces_to_iter(in->pieces(), in->nr, inc->i_len, to);
}

/* Context: A. */
void rds_ib_inc_free(rds_incoming *inc)
{
	rds_ib_incoming *in = incoming_of(inc);

	kernel_pieces_recycle(in->pieces(), in->nr);
	kernel::add_return(fragments_held, -u64{in->max});
	kernel_free(in);
}
