// SPDX-License-Identifier: GPL-2.0
/*
 * Sending: the xmit hooks, and acknowledgements, which are TCP's own. A message is acknowledged
 * when TCP's oldest unacknowledged byte lies behind the message's last.
 */
#include "rds/wire.h"
#include "tcp.h"

namespace {

/* TCP's sequence numbers: 32 bits that wrap, less than 2 GiB apart. */
bool seq_before(u32 a, u32 b)
{
	return static_cast<s32>(a - b) < 0;
}

int is_acked(rds_message *rm, u64 una)
{
	return kernel::load_acquire(rm->m_has_ack_seq) &&
	       seq_before(static_cast<u32>(rm->m_ack_seq), static_cast<u32>(una));
}

/* The piece that payload byte @off of piece @sg lies in, and what is left from there. */
void describe_payload(rds_message *rm, u32 sg, u32 off, ksock_out *out)
{
	u32 done = off;

	for (u32 i = 0; i < sg; i++)
		done += rm->m_pieces[i].bv_len;
	u32 left = rm->m_len - done;
	if (rm->m_linear) {
		out->body = rm->m_linear_data + done;
		out->body_len = left;
		return;
	}
	out->pieces = rm->m_pieces + sg;
	out->nr_pieces = rm->m_nr_pieces - sg;
	out->skip = off;
	out->bytes = left;
	out->lender = rm->m_zcopy ? rm : nullptr;
}

} // namespace

/*
 * The peer's TCP need not hurry to acknowledge what nobody waits for (recv.cc): somebody does for
 * his pages; and for room, in his send buffer, of which the core knows, or in TCP's.
 */
bool rds_tcp_connection::wants_ack(const rds_message *rm) const
{
	return (rm->m_ack_required || rm->m_zcopy || nearly_full) && rds_conn_reads_marks(conn);
}

/* Also on a repetition, of which another peer may know nothing. A map is recognised by this byte. */
void rds_tcp_connection::mark(rds_message *rm) const
{
	u8 &flags = rm->m_inc.i_hdr.h_flags;

	if (flags == RDS_FLAG_CONG_BITMAP)
		return;
	flags &= static_cast<u8>(~RDS_FLAG_ACK_REQUIRED);
	if (wants_ack(rm))
		flags |= RDS_FLAG_ACK_REQUIRED;
}

/* First byte of a message: what the transport has to say in the header, and where it will end. */
void rds_tcp_connection::stamp(rds_message *rm)
{
	u32 start = ksock_next_seq(sock); /* only we send on it */
	u32 end = start + RDS_HEADER_BYTES + rm->m_len;

	if (rm->m_retransmitted)
		rm->m_inc.i_hdr.h_flags |= RDS_FLAG_RETRANSMITTED;
	mark(rm);
	rm->m_ack_seq = end - 1;
	kernel::store_release(rm->m_has_ack_seq, u8{1});
	kernel::write_once(last_sent_nxt, start);
	kernel::write_once(last_expected_una, end);
}

/**
 * xmit - the hook; header and payload in one call of TCP
 * Context: P or W, send_sem held, so the socket stays.
 */
int rds_tcp_connection::xmit(rds_message *rm, u32 hdr_off, u32 sg, u32 off)
{
	ksock_out out = {};

	if (!hdr_off)
		stamp(rm);
	out.head = reinterpret_cast<const u8 *>(&rm->m_inc.i_hdr) + hdr_off;
	out.head_len = RDS_HEADER_BYTES - hdr_off;
	if (rm->m_len)
		describe_payload(rm, sg, off, &out);

	out.more = rm->m_more;

	u32 all = out.head_len + out.body_len + out.bytes;
	int sent = ksock_send(sock, &out, &full);
	nearly_full = out.nearly_full;
	if (sent > 0) {
		unpushed = out.more || static_cast<u32>(sent) < all;
		return sent;
	}
	if (sent == -EAGAIN) {
		rds_tcp_count(RDS_TCP_SNDBUF_FULL);
		return 0;
	}
	if (sent != -ENOMEM)
		rds_conn_drop_why(conn, RDS_WHY_transport_error);
	return sent;
}

/* End of a batch that stopped before its queue was empty: what TCP held back leaves now. */
void rds_tcp_connection::push()
{
	if (!unpushed)
		return;
	unpushed = false;
	ksock_push(sock);
}

/*
 * TCP of a host acknowledges what comes on a connection that nobody there has accepted yet, or that
 * RDS will refuse: its word counts once RDS has spoken on the stream, as it does at once, with its
 * map and the answer to our probe. A peer of many lanes that does not answer pings may say its map
 * on another one, hence the time. Who opened the stream has had RDS behind it from the start.
 */
bool rds_tcp_connection::believes_acks() const
{
	constexpr unsigned long long_enough = 10UL * TICKS_PER_SECOND;
	return heard || conn->c_larger || kernel_ticks() - live_since > long_enough;
}

/* Release what the peer's TCP has. Context: A, socket lock held. */
void rds_tcp_connection::harvest()
{
	u32 una = ksock_una(sock);

	ksock_assert_locked(sock);
	if (closing && seq_before(data_end, una))
		una = data_end;
	if (una == last_seen_una || !believes_acks())
		return;
	last_seen_una = una;
	rds_send_drop_acked(conn, una, is_acked);
}

/**
 * space - an acknowledgement has arrived
 * Context: A, socket lock held.
 */
void rds_tcp_connection::space()
{
	rds_tcp_count(RDS_TCP_WRITE_SPACE_CALLS);
	if (!live)
		return;
	harvest();
	kick_if_room();
}

/* Socket lock held. */
void rds_tcp_connection::kick_if_room()
{
	if (!full || !ksock_has_room(sock))
		return;
	full = 0;
	rds_send_kick(conn);
}

extern "C" void rds_tcp_write_space(ksock_user *user)
{
	static_cast<rds_tcp_connection *>(user)->space();
}
