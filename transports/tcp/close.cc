// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a stream: the conn_shutdown hook.
 *
 * What TCP has acknowledged, the peer forgets. So nothing of it may be discarded here, or it is
 * lost; and what the peer's TCP has acknowledged should be known here, or it is sent twice.
 *
 *	a. FIN: TCP takes no data after it, and the peer learns of the end
 *	b. deliver what still arrives, until the peer's end is closed, too, or for linger_ticks
 *	c. with the socket locked: deliver what is there, have TCP refuse what is not (it resets
 *	   instead of acknowledging), take the last acknowledgement, end the upcalls
 *	d. close, forget the half received message
 */
#include "tcp.h"

namespace {

/* A few round trips on a long path. A peer that is gone for good answers nothing at all. */
constexpr unsigned long linger_ticks = 2UL * TICKS_PER_SECOND;

/* How often a lack of memory is looked after meanwhile. */
constexpr unsigned long round_ticks = TICKS_PER_SECOND / 10 + 1;

/* Attempts to get memory for the next piece of what must be delivered. */
constexpr unsigned int last_attempts = 100;

} // namespace

/* The conn_shutdown hook. */
void rds_tcp_connection::shutdown()
{
	kernel::guard g(mutex);

	if (sock) {
		bool abort = rds_tcp_ending(this);
		if (!abort)
			drain();
		finish(abort);
	}
	return_numbers();
	look_again();
	/* what has found no lane so far waits at the first */
	if (rds_connection *first = rds_conn_lane_in_use(conn, 0); first != conn)
		rds_tcp_of(first)->look_again();
}

/* Deliver all that is there, whatever it takes to get the memory. Socket lock held. */
void rds_tcp_connection::read_all()
{
	u32 left = ksock_unread(sock);

	for (unsigned int i = 0; i < last_attempts; i++) {
		if (read(kernel::gfp_kernel) != -ENOMEM)
			return;
		u32 now = ksock_unread(sock);
		if (now != left)
			i = 0;
		left = now;
		kernel_cond_resched();
	}
	rds_recv_drop(conn, RDS_DROP_no_memory, nullptr);
	kernel_log("no memory for what %pI6c has sent: %u bytes are lost", &conn->c_faddr, left);
}

/*
 * Nothing is sent any more: send_sem is held, or nothing ever was. A FIN takes a number, too: that
 * of the next byte of a message that TCP has not got whole. Socket lock held.
 */
void rds_tcp_connection::begin_closing()
{
	ksock_assert_locked(sock);
	if (!closing)
		data_end = ksock_next_seq(sock);
	closing = true;
}

/* Steps a and b. */
void rds_tcp_connection::drain()
{
	{
		sock_guard g(sock);
		begin_closing();
	}
	ksock_send_fin(sock);
	unsigned long start = kernel_ticks();
	if (!rds_conn_alive(conn)) {
		/* its lanes go one after the other: one linger for all */
		unsigned long &since = rds_tcp_of(rds_conn_lane_in_use(conn, 0))->dying_since;
		if (!since)
			since = start | 1;
		start = since;
	}
	while (kernel_ticks() - start < linger_ticks && !rds_tcp_ending(this)) {
		{
			sock_guard g(sock);
			read_all();
		}
		if (ksock_wait_closed(sock, round_ticks))
			return;
	}
}

/**
 * finish - steps c and d
 * @abort: nobody is interested in what is under way. Context: P, mutex held.
 */
void rds_tcp_connection::finish(bool abort)
{
	socket *s = sock;

	mutex.assert_held();
	{
		sock_guard g(s);
		begin_closing();
		if (!abort)
			read_all();
		ksock_refuse_data(s);
		if (live)
			harvest();
		ksock_detach(s, this);
		forget_partial();
		stream.reset();
		live = heard = false;
		acks = KSOCK_ACKS_AS_TCP;
		closing = false;
		full = 0;
	}
	unpublish();
	unpushed = nearly_full = false;
	if (abort)
		ksock_abort(s);
	else
		ksock_release(s);
}
