// SPDX-License-Identifier: GPL-2.0
/*
 * Sending: messages become fragments, each with its header, on the send ring; acknowledgements have
 * a work request of their own beside it. The core calls xmit with send_sem held, perhaps in softirq;
 * completions come in the tasklet, at the ring's other end. ib.md 11, 12 and 14.
 */
#include "ib.h"

#include "rds/csum.h"

/* ---- what completions mean ---- */

void rds_ib_link::unmap_fragment(rds_ib_send_slot &slot)
{
	while (slot.nr) {
		slot.nr--;
		rv_unmap(dev->rv, slot.addr[slot.nr], slot.len[slot.nr], true);
	}
}

/* One slot, oldest first. */
void rds_ib_link::retire(u32 pos, rv_status status)
{
	rds_ib_send_slot &slot = send_slots[pos];

	if (slot.kind == slot_kind::fragment)
		unmap_fragment(slot);
	else
		retire_operation(slot, status);
	if (slot.rm)
		rds_message_put(slot.rm);
	slot.rm = nullptr;
}

/*
 * A completion stands for all slots up to its own. Those before it have none because they were not
 * signaled, and had they failed they would have one: so they went well.
 */
void rds_ib_link::send_completed(const rv_wc &wc)
{
	rds_ib_count(RDS_IB_TX_CQ_EVENT);
	if (wc.id == rds_ib_ack_id) {
		kernel::store_release(ack_busy, u32{0});
		kernel::full_barrier(); /* against send_ack(): not busy, then the wish read */
	} else {
		u32 covered = send_ring.covered(wc.id);
		u8 now = rds_ib_clock();
		for (u32 i = 0; i < covered; i++) {
			u32 pos = send_ring.after(send_ring.oldest(), i);
			if (static_cast<u8>(now - send_slots[pos].since) > rds_ib_stalls_after)
				rds_ib_count(RDS_IB_TX_STALLED);
			retire(pos, i + 1 == covered ? wc.status : RV_OK);
		}
		send_ring.retire(covered);
		kick();
	}
	if (wc.status == RV_OK || kernel::read_once(dead))
		return;
	if (wc.status == RV_ERROR && !kernel::read_once(closing))
		kernel_log("connection to %pI6c dropped: the device reports status %u",
			   &ic->conn->c_faddr, wc.raw_status);
	broken(wc.status == RV_REMOTE_ACCESS ? RDS_WHY_remote_error : RDS_WHY_queue_error);
}

/* There is room again, and the core may wait for it. */
void rds_ib_link::kick()
{
	kernel::full_barrier(); /* against take_slots(): room made, then the mark read */
	if (kernel::read_once(full) && kernel::exchange(full, u32{0}))
		rds_send_kick(ic->conn);
}

/* ---- messages ---- */

/* Return: slots; 0: none, and the core is kicked when there are. */
u32 rds_ib_link::take_slots(u32 want, u32 &first)
{
	u32 got = send_ring.take(want, first);
	if (got)
		return got;
	rds_ib_count(RDS_IB_TX_RING_FULL);
	kernel::write_once(full, u32{1});
	kernel::full_barrier();
	/* some may have been retired before the mark was there */
	got = send_ring.take(want, first);
	if (got)
		kernel::write_once(full, u32{0});
	return got;
}

/* Before number and credits are looked at: what comes later is wished for again. */
bool rds_ib_link::take_wish()
{
	return kernel::read_once(ack_wanted) && kernel::exchange(ack_wanted, u32{0});
}

void rds_ib_link::wish_for_ack()
{
	kernel::exchange(ack_wanted, u32{1});
}

/* With flow control, as many slots as there are credits. Return: slots; the others are given back. */
u32 rds_ib_link::take_credits(u32 got, u8 &said)
{
	said = 0;
	if (!flow)
		return got;
	auto grant = credits.take(got);
	if (!grant.sends) {
		rds_ib_count(RDS_IB_TX_THROTTLE);
		kernel::write_once(full, u32{1});
		kernel::full_barrier();
		grant = credits.take(got);
		if (grant.sends)
			kernel::write_once(full, u32{0});
	}
	send_ring.give_back(got - grant.sends);
	said = grant.said;
	if (said)
		rds_ib_count(RDS_IB_TX_CREDIT_UPDATES);
	return grant.sends;
}

/* Each so many, so that the ring is never full of requests that nothing is heard of. */
bool rds_ib_link::wants_signal(bool last)
{
	u32 every = static_cast<u32>(kernel::read_once(rds_ib_settings.max_unsignaled_wr));
	if (every > send_ring.size() / 4)
		every = send_ring.size() / 4;
	if (!last && unsignaled < every) {
		unsignaled++;
		return false;
	}
	unsignaled = 0;
	return true;
}

void rds_ib_link::fill_header(u32 pos, const rds_message *rm, u8 credit)
{
	rds_header *hdr = send_headers.at(pos);

	rv_sync_for_cpu(dev->rv, send_headers.addr(pos), sizeof(*hdr), true);
	*hdr = rm->m_inc.i_hdr;
	if (!(rm->m_flags & RDS_MSG_MAP)) {
		if (rm->m_ack_required)
			hdr->h_flags |= RDS_FLAG_ACK_REQUIRED;
		if (rm->m_retransmitted)
			hdr->h_flags |= RDS_FLAG_RETRANSMITTED;
	}
	hdr->h_ack = kernel::be64(kernel::load_acquire(next_ack));
	hdr->h_credit = credit;
	hdr->h_csum = rds::header_csum(*hdr);
	rv_sync_for_device(dev->rv, send_headers.addr(pos), sizeof(*hdr), true);
}

/* Work request @i: up to 4096 bytes from where @sg and @off point. Return: bytes; errno. */
int rds_ib_link::fill_fragment(u32 pos, u32 i, const rds_message *rm, u32 &sg, u32 &off, u8 credit)
{
	rds_ib_send_slot &slot = send_slots[pos];
	rv_sge *sge = sges[i];
	u32 lkey = rv_lkey(dev->rv), bytes = 0, nr = 1;

	slot.kind = slot_kind::fragment;
	slot.since = rds_ib_clock();
	slot.nr = 0;
	fill_header(pos, rm, credit);
	sge[0] = {send_headers.addr(pos), RDS_HEADER_BYTES, lkey};
	while (bytes < RDS_FRAG_SIZE && sg < rm->m_nr_pieces) {
		const bio_vec &piece = rm->m_pieces[sg];
		u32 len = piece.bv_len - off;
		if (len > RDS_FRAG_SIZE - bytes)
			len = RDS_FRAG_SIZE - bytes;
		if (nr > rds_ib_fragment_pieces || nr == dev->send_sge)
			return -EINVAL;
		u64 addr = rv_map(dev->rv, piece.bv_page, piece.bv_offset + off, len, true);
		if (addr == RV_NO_ADDRESS) {
			rds_ib_count(RDS_IB_TX_SG_MAPPING_FAILURE);
			return -ENOMEM;
		}
		slot.addr[slot.nr] = addr;
		slot.len[slot.nr++] = len;
		sge[nr++] = {addr, len, lkey};
		bytes += len;
		off += len;
		if (off == piece.bv_len) {
			sg++;
			off = 0;
		}
	}
	wrs[i] = {};
	wrs[i].id = pos;
	wrs[i].sge = sge;
	wrs[i].nr_sge = nr;
	wrs[i].op = RV_SEND;
	wrs[i].fence = rm->m_rdma.op_active && rm->m_rdma.op_fence;
	return static_cast<int>(bytes);
}

/*
 * A batch of fragments, which the core repeats. Return: bytes, the header's with those of the first
 * call; 0 full; errno.
 */
int rds_ib_link::xmit(rds_message *rm, u32 hdr_off, u32 sg, u32 off)
{
	if (kernel::read_once(dead))
		return -ENOTCONN;
	if (!hdr_off)
		tx_done = 0;
	u32 parts = rds::ib::parts_of(rm->m_len) - tx_done / RDS_FRAG_SIZE;
	u32 want = parts < rds_ib_batch ? parts : rds_ib_batch, first;
	u8 said;
	bool rides = take_wish();
	u32 got = take_slots(want, first);
	if (got)
		got = take_credits(got, said);
	if (!got) {
		if (rides)
			wish_for_ack();
		return 0;
	}
	u32 made = 0, bytes = 0;
	int err = 0;
	for (; made < got; made++) {
		u32 pos = send_ring.after(first, made);
		int n = fill_fragment(pos, made, rm, sg, off, made ? u8{0} : said);
		if (n < 0) {
			unmap_fragment(send_slots[pos]);
			err = n;
			break;
		}
		bytes += static_cast<u32>(n);
		bool last = made + 1 == parts;
		if (last) {
			rds_message_addref(rm);
			send_slots[pos].rm = rm;
		}
		/*
		 * The last of what found room must be heard of, or nobody would make more; and the
		 * last of a message, which keeps its memory. Out of credits, the peer must be woken
		 * to give some.
		 */
		bool end = made + 1 == got;
		wrs[made].signaled = wants_signal(end);
		wrs[made].solicited = last || (flow && end);
	}
	/* of those before the one that failed somebody has to hear, too */
	if (made && made < got) {
		wrs[made - 1].signaled = true;
		unsignaled = 0;
	}
	u32 posted = made ? rv_post(queues, wrs, made) : 0;
	for (u32 i = posted; i < made; i++) {
		u32 pos = send_ring.after(first, i);
		retire(pos, RV_FLUSHED);
	}
	send_ring.give_back(got - posted);
	if (flow && posted < got)
		credits.give_back({got - posted, posted ? u8{0} : said});
	if (posted < made) {
		/* nothing is heard of what went out since the last signaled one; before us that was the last */
		for (u32 i = 0; i < posted; i++)
			never_told = wrs[i].signaled ? 0 : never_told + 1;
		broken(RDS_WHY_queue_error);
		return -ENOTCONN;
	}
	if (!made) {
		if (rides)
			wish_for_ack();
		return err;
	}
	if (rides)
		rds_ib_count(RDS_IB_ACK_SEND_PIGGYBACKED);
	tx_done += bytes;
	return static_cast<int>(bytes + (hdr_off ? 0 : RDS_HEADER_BYTES));
}

/* ---- acknowledgements ---- */

/*
 * If one is wanted, and none is on its way; that one's completion comes back here. Who was turned
 * away meanwhile, because it was busy, has left a wish, or credits. Context: A.
 */
void rds_ib_link::send_ack()
{
	while (kernel::read_once(ack_wanted) && !kernel::read_once(dead) &&
	       !kernel::read_once(closing)) {
		if (kernel::exchange(ack_busy, u32{1})) {
			rds_ib_count(RDS_IB_ACK_SEND_DELAYED);
			return;
		}
		if (post_ack())
			return;
		kernel::store_release(ack_busy, u32{0});
		kernel::full_barrier();
		if (flow && !credits.usable())
			return;
	}
}

/* Return: it is on its way, or the connection is broken. */
bool rds_ib_link::post_ack()
{
	/* a message may have taken it along meanwhile */
	if (!take_wish())
		return false;
	u8 said = 0;
	if (flow) {
		auto grant = credits.take(1);
		if (!grant.sends) {
			rds_ib_count(RDS_IB_TX_THROTTLE);
			wish_for_ack();
			return false;
		}
		said = grant.said;
	}
	rds_header *hdr = ack_header.at(0);
	rv_sync_for_cpu(dev->rv, ack_header.addr(0), sizeof(*hdr), true);
	*hdr = rds::make_header(kernel::be16(0), kernel::be16(0), 0);
	hdr->h_ack = kernel::be64(kernel::load_acquire(next_ack));
	hdr->h_credit = said;
	hdr->h_csum = rds::header_csum(*hdr);
	rv_sync_for_device(dev->rv, ack_header.addr(0), sizeof(*hdr), true);
	rv_sge sge = {ack_header.addr(0), RDS_HEADER_BYTES, rv_lkey(dev->rv)};
	rv_wr wr = {};
	wr.id = rds_ib_ack_id;
	wr.sge = &sge;
	wr.nr_sge = 1;
	wr.op = RV_SEND;
	wr.signaled = wr.solicited = true;
	if (rv_post(queues, &wr, 1) == 1) {
		rds_ib_count(RDS_IB_ACK_SENT);
		return true;
	}
	rds_ib_count(RDS_IB_ACK_SEND_FAILURE);
	kernel::store_release(ack_busy, u32{0});
	broken(RDS_WHY_queue_error);
	return true;
}
