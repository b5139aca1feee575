// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving: from TCP's segments to messages. rds::stream cuts, this file keeps the payload: short
 * ones are copied behind the incoming, so that no segment is kept for a few bytes; of long ones
 * the segments are kept by reference.
 *
 * A lack of memory stops reading without consuming, and the core's worker calls again.
 */
#include "tcp.h"

namespace {

/* About where a reference to a segment becomes cheaper than a copy. */
constexpr u32 copy_max = 2048;

rds_tcp_incoming *incoming_of(rds_incoming *inc)
{
	return reinterpret_cast<rds_tcp_incoming *>(inc);
}

u8 *linear_of(const rds_tcp_incoming *ti)
{
	return reinterpret_cast<u8 *>(const_cast<rds_tcp_incoming *>(ti) + 1);
}

static_assert(offsetof(rds_tcp_incoming, inc) == 0);

void map_reader(void *arg, unsigned int off, void *to, unsigned int len)
{
	ksock_chain_copy(&static_cast<rds_tcp_incoming *>(arg)->chain, off, to, len);
}

/*
 * TCP acknowledges each second of small packets that are read at once, which costs as much as the
 * packet. A sender of ours marks what somebody waits for (send.cc); from the first mark on, the
 * rest can wait, as on InfiniBand.
 */
bool is_marked(const rds_header &hdr)
{
	return hdr.h_flags & RDS_FLAG_ACK_REQUIRED && !rds::is_congestion_map(hdr);
}

const char *reason(rds::stream_error error)
{
	return error == rds::stream_error::bad_length ? "a message longer than any may be"
						      : "a wrong header checksum";
}

} // namespace

/* A half received message is no message. Socket lock held. */
void rds_tcp_connection::forget_partial()
{
	if (partial)
		rds_inc_put(&partial->inc);
	partial = nullptr;
}

/* Room for the message whose header is complete. Socket lock held. Return: 0, -ENOMEM. */
int rds_tcp_connection::prepare_partial(gfp_t gfp)
{
	if (partial)
		return 0;
	u32 keep = stream.keep();
	bool linear = keep <= copy_max;
	void *room = kernel_alloc(sizeof(rds_tcp_incoming) + (linear ? keep : 0), gfp);
	if (!room)
		return -ENOMEM;
	partial = new (room) rds_tcp_incoming{};
	rds_inc_init(&partial->inc, conn, &conn->c_faddr);
	partial->inc.i_hdr = stream.header;
	partial->inc.i_stamps[RDS_RX_HEADER] = header_at;
	partial->inc.i_stamps[RDS_RX_START] = rds_rx_clock();
	partial->linear_len = linear ? keep : 0;
	return 0;
}

/* Keeps @len bytes of payload that belong to this message. Return: 0, -ENOMEM: none is kept. */
int rds_tcp_connection::take_payload(sk_buff *skb, u32 off, u32 len, gfp_t gfp)
{
	if (stream.discard())
		return 0;
	int err = prepare_partial(gfp);
	if (err)
		return err;
	if (!partial->linear_len)
		return ksock_chain_add(&partial->chain, skb, off, len, gfp);
	ksock_copy(skb, off, linear_of(partial) + partial->linear_len - stream.data_rem, len);
	return 0;
}

/* Takes what the current message needs of a segment. Return: 0 and how much; -ENOMEM: nothing. */
int rds_tcp_connection::take(sk_buff *skb, u32 off, u32 len, gfp_t gfp, u32 *used)
{
	if (stream.wants_header()) {
		*used = len < stream.hdr_rem ? len : stream.hdr_rem;
		ksock_copy(skb, off, stream.header_space(), *used);
		stream.header_filled(*used);
		header_at = rds_rx_clock();
		return 0;
	}
	u32 part = len < stream.data_rem ? len : stream.data_rem;
	int err = take_payload(skb, off, part, gfp);
	if (err)
		return err;
	stream.take_payload(part);
	*used = part;
	return 0;
}

/* A message is complete. Return: 0; -ENOMEM: still there, again later. */
int rds_tcp_connection::deliver(gfp_t gfp)
{
	if (is_marked(stream.header))
		acks = KSOCK_ACKS_SOON;
	if (stream.kind() == rds::stream_kind::ignore) {
		rds_tcp_count(RDS_TCP_RECV_BAD_MAP);
		rds_recv_drop(conn, RDS_DROP_bad_map, &stream.header);
		stream.reset();
		return 0;
	}
	int err = prepare_partial(gfp);
	if (err)
		return err;
	if (stream.kind() == rds::stream_kind::map) {
		err = rds_cong_recv_map(conn, map_reader, partial, 0);
		if (err)
			return err;
		forget_partial();
		stream.reset();
		return 0;
	}
	rds_tcp_incoming *whole = partial;
	whole->inc.i_memory = static_cast<u32>(
		kernel_alloc_takes(sizeof(*whole) + whole->linear_len) + whole->chain.memory);
	partial = nullptr;
	stream.reset();
	rds_recv_incoming(conn, &conn->c_faddr, &conn->c_laddr, &whole->inc, gfp);
	rds_inc_put(&whole->inc);
	return 0;
}

/**
 * segment - cut received bytes into messages and deliver those
 * Context: A, socket lock held. @len may be 0: a message may just wait for memory. Return: bytes
 * consumed; with @err set, nothing more is to be offered for now.
 */
u32 rds_tcp_connection::segment(sk_buff *skb, u32 off, u32 len, gfp_t gfp, int *err)
{
	u32 done = 0;

	while (!*err) {
		u32 used = 0;

		if (stream.error() != rds::stream_error::none)
			*err = -EPROTO;
		else if (stream.complete())
			*err = deliver(gfp);
		else if (done < len)
			*err = take(skb, off + done, len - done, gfp, &used);
		else
			break;
		done += used;
	}
	heard |= done != 0;
	return done;
}

extern "C" u32 rds_tcp_segment(ksock_user *user, sk_buff *skb, u32 off, u32 len, gfp_t gfp,
			       int *err)
{
	return static_cast<rds_tcp_connection *>(user)->segment(skb, off, len, gfp, err);
}

/**
 * read - deliver what has arrived
 * Context: A (P with a @gfp that sleeps), socket lock held. Return: 0, -ENOMEM: call again.
 */
int rds_tcp_connection::read(gfp_t gfp)
{
	int err = 0;

	ksock_assert_locked(sock);
	if (!live)
		return 0;
	bool knew = heard;
	if (acks)
		acks = KSOCK_ACKS_LATER;
	if (stream.complete() || stream.error() != rds::stream_error::none)
		segment(nullptr, 0, 0, gfp, &err); /* it waits for memory, or for its end */
	if (!err)
		err = ksock_read(sock, this, gfp);
	if (heard && !knew)
		harvest();
	if (err != -EPROTO)
		return err;
	if (!closing) {
		rds_tcp_count(RDS_TCP_RECV_BAD_HEADER);
		rds_recv_drop(conn,
			      stream.error() == rds::stream_error::bad_length
				      ? RDS_DROP_bad_length
				      : RDS_DROP_bad_checksum,
			      &stream.header);
		kernel_log("connection to %pI6c dropped: the peer sent %s", &conn->c_faddr,
			   reason(stream.error()));
		rds_conn_drop_why(conn, RDS_WHY_bad_header);
	}
	/* the parser stays where it is: not another byte of this stream is looked at */
	return 0;
}

extern "C" void rds_tcp_data_ready(ksock_user *user)
{
	auto *tc = static_cast<rds_tcp_connection *>(user);

	rds_tcp_count(RDS_TCP_DATA_READY_CALLS);
	if (tc->read(kernel::gfp_atomic) == -ENOMEM)
		rds_recv_kick(tc->conn);
}

/* The recv hook: there was no memory in softirq, here one may sleep for it. */
int rds_tcp_connection::receive()
{
	kernel::guard g(mutex);

	if (!sock)
		return 0;
	sock_guard s(sock);
	return read(kernel::gfp_kernel);
}

/* ---- what becomes of it ---- */

/* Context: P, several readers at once; nothing is changed. */
extern "C" int rds_tcp_inc_copy_to_user(rds_incoming *inc, iov_iter *to)
{
	const rds_tcp_incoming *ti = incoming_of(inc);

	if (ti->linear_len)
		return kernel_linear_to_iter(linear_of(ti), ti->linear_len, to);
	return ksock_chain_to_iter(&ti->chain, inc->i_hdr.h_len.host(), to);
}

/* Context: A. */
extern "C" void rds_tcp_inc_free(rds_incoming *inc)
{
	rds_tcp_incoming *ti = incoming_of(inc);

	ksock_chain_free(&ti->chain);
	kernel_free(ti);
}
