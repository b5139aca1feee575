// SPDX-License-Identifier: GPL-2.0
/*
 * Messages: allocation, numbering, the lists of a lane, the end. A small payload lies behind the
 * message in the same allocation, a large one in as few pages as the allocator gives.
 */
#include <linux/errno.h>

#include "rds.h"

namespace {

/* What still fits a 2 KiB slab object together with the message and its one piece. */
constexpr u32 linear_max = RDS_RAW_MAX - sizeof(rds_message) - sizeof(bio_vec);
static_assert(linear_max >= 1024, "messages of 1 KiB are to be one allocation");

/* Single pages in the worst case. */
constexpr u32 max_pieces(u32 len)
{
	return (len + PAGE_BYTES - 1) / PAGE_BYTES;
}

rds_message *alloc_room(size_t tail, gfp_t gfp)
{
	void *room = kernel_alloc(sizeof(rds_message) + tail, gfp);
	if (!room)
		return nullptr;
	auto *rm = new (room) rds_message{};
	kernel_ref_init(&rm->m_refs);
	kernel::list_item_init(&rm->m_sock_item);
	kernel::list_item_init(&rm->m_conn_item);
	kernel::list_item_init(&rm->m_inc.i_item);
	rm->m_pieces = reinterpret_cast<bio_vec *>(rm + 1);
	return rm;
}

rds_message *alloc_linear(u32 len, gfp_t gfp)
{
	rds_message *rm = alloc_room(len ? sizeof(bio_vec) + len : 0, gfp);
	if (!rm || !len)
		return rm;
	rm->m_linear = 1;
	rm->m_linear_data = reinterpret_cast<u8 *>(rm->m_pieces + 1);
	kernel_piece_of(rm->m_pieces, rm->m_linear_data, len);
	rm->m_nr_pieces = 1;
	return rm;
}

rds_message *alloc_paged(u32 len, gfp_t gfp)
{
	u32 max = max_pieces(len);
	rds_message *rm = alloc_room(max * sizeof(bio_vec), gfp);
	if (!rm)
		return nullptr;
	int nr = kernel_pieces_alloc(rm->m_pieces, max, len, gfp);
	if (nr < 0) {
		kernel_free(rm);
		return nullptr;
	}
	rm->m_nr_pieces = nr;
	return rm;
}

void count_on_lane(rds_lane *lane, const rds_message *rm, u32 n)
{
	u32 &count = rm->m_own ? lane->c_pongs : lane->c_messages;
	kernel::write_once(count, count + n);
	if (rm->m_own == rds_own_probe)
		kernel::write_once(lane->c_probes, lane->c_probes + n);
	lane->c_replies += rm->m_own == rds_own_reply ? n : 0;
}

} // namespace

rds_message *rds_message_alloc(u32 len, gfp_t gfp)
{
	rds_message *rm = len <= linear_max ? alloc_linear(len, gfp) : alloc_paged(len, gfp);
	if (rm)
		rm->m_len = len;
	return rm;
}

rds_message *rds_message_of_user(u32 len, iov_iter *from, int *err)
{
	u32 max = kernel_iter_pages(from);
	rds_message *rm = alloc_room(max * sizeof(bio_vec), kernel::gfp_account);
	*err = -ENOMEM;
	if (!rm)
		return nullptr;
	int nr = kernel_pieces_of_user(rm->m_pieces, max, len, from);
	if (nr < 0) {
		*err = nr;
		kernel_free(rm);
		return nullptr;
	}
	rm->m_nr_pieces = nr;
	rm->m_len = len;
	return rm;
}

void rds_message_addref(rds_message *rm)
{
	kernel_ref_inc(&rm->m_refs);
}

void rds_message_put(rds_message *rm)
{
	if (!kernel_ref_dec_and_test(&rm->m_refs))
		return;
	if (rm->m_zcopy)
		kernel_pieces_free(rm->m_pieces, rm->m_nr_pieces);
	else if (!rm->m_linear)
		kernel_pieces_recycle(rm->m_pieces, rm->m_nr_pieces);
	rds_zcopy_end(rm->m_zcopy);
	if (rds_has_operation(rm))
		rds_operations_end(rm);
	if (rm->m_mr)
		rm->m_mr->put();
	if (rm->m_conn)
		rds_conn_put(rm->m_conn);
	if (rm->m_rs)
		rm->m_rs->put();
	kernel_free(rm);
}

int rds_message_queue(rds_lane *lane, rds_message *rm)
{
	kernel::guard hold(lane->c_lock);
	if (lane->c_dying)
		return -ESTALE;
	/* it was to take lane 0 because there was no other (rds_lanes_fan_out) */
	if (!rm->m_own && !rm->m_spread && lane->c_index == 0 && lane->c_peer->nr_lanes > 1)
		return -ESTALE;
	rds_message_addref(rm);
	lane->c_peer->get();
	rm->m_conn = lane;
	rm->m_inc.i_hdr.h_sequence = kernel::be64(lane->c_tx.take());
	rm->m_on_conn = 1;
	count_on_lane(lane, rm, 1);
	lane->c_send.push_back(rm);
	rds_trace_message(RDS_TRACE_MSG_QUEUED, lane, rm);
	return 0;
}

void rds_message_unlink(rds_lane *lane, rds_message *rm)
{
	lane->c_lock.assert_held();
	rds_lane::message_list::remove(rm);
	rm->m_on_conn = 0;
	count_on_lane(lane, rm, -1u);
}

int rds_message_inc_copy_to_user(rds_incoming *inc, iov_iter *to)
{
	auto *rm = kernel::container<rds_message, rds_incoming>(inc, &rds_message::m_inc);
	if (rm->m_linear)
		return kernel_linear_to_iter(rm->m_linear_data, rm->m_len, to);
	return kernel_pieces_to_iter(rm->m_pieces, rm->m_nr_pieces, rm->m_len, to);
}

void rds_message_inc_free(rds_incoming *inc)
{
	rds_message_put(kernel::container<rds_message, rds_incoming>(inc, &rds_message::m_inc));
}
