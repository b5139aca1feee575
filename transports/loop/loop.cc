// SPDX-License-Identifier: GPL-2.0
/*
 * The loopback transport: hands a message to the receive path of its own host. Also the template
 * for whoever writes the next one (docs/writing-a-transport.md). The core calls everything here;
 * contexts and locks are those of include/rds/transport.h.
 *
 * What arrives on a connection A -> B must come up on the connection B -> A, as from a wire: so
 * that a pong finds its way back and congestion is that of the receiver's address. Each connection
 * keeps its counterpart while it is up; for A -> A that is itself.
 */
#include <linux/errno.h>

#include "kernel/atomic.h"
#include "kernel/error.h"
#include "kernel/layout_check.h"
#include "kernel/memory.h"
#include "loop.h"
#include "rds_abi.h"

namespace {

struct loop_conn {
	rds_connection *conn;
	rds_connection *reverse; /* counted; while up; send_sem or the lane's life */
};

loop_conn *loop_of(rds_connection *conn)
{
	return static_cast<loop_conn *>(conn->c_transport_data);
}

int conn_alloc(rds_connection *conn, gfp_t gfp)
{
	auto *lc = kernel::make<loop_conn>(gfp, loop_conn{conn, nullptr});
	if (!lc)
		return -ENOMEM;
	conn->c_transport_data = lc;
	return 0;
}

void conn_free(void *data)
{
	kernel::destroy(static_cast<loop_conn *>(data));
}

/* Connected at once. The counterpart need not be up: it only receives. */
int conn_connect(rds_connection *conn)
{
	rds_connection *reverse = rds_conn_reverse(conn);
	if (int err = kernel::pointer_error(reverse))
		return err;
	loop_of(conn)->reverse = reverse;
	rds_connect_complete(conn);
	return 0;
}

void conn_shutdown(rds_connection *conn)
{
	loop_conn *lc = loop_of(conn);
	if (lc->reverse)
		rds_conn_put(lc->reverse);
	lc->reverse = nullptr;
}

/*
 * Always takes the whole message, so the offsets are 0. A congestion map is just taken: sender
 * and receiver look at the same map, and the core has woken who waits.
 */
int xmit(rds_connection *conn, rds_message *rm, unsigned int, unsigned int, unsigned int)
{
	int bytes = static_cast<int>(RDS_HEADER_BYTES + rm->m_len);
	if (rm->m_flags & RDS_MSG_MAP)
		return bytes;

	rds_connection *reverse = loop_of(conn)->reverse;
	/* the counterpart was collected as idle: find the new one by connecting again */
	if (!rds_conn_alive(reverse)) {
		rds_conn_drop_why(conn, RDS_WHY_counterpart_gone);
		return -ENOTCONN;
	}
	rds_incoming *inc = &rm->m_inc;
	rds_message_addref(rm);
	rds_inc_init(inc, reverse, &conn->c_laddr);
	if (rm->m_retransmitted)
		inc->i_hdr.h_flags |= RDS_FLAG_RETRANSMITTED;
	rds_recv_incoming(reverse, &conn->c_laddr, &conn->c_faddr, inc, kernel::gfp_kernel);
	u64 sequence = inc->i_hdr.h_sequence.host();
	rds_inc_put(inc);
	if (kernel::read_once(rm->m_on_conn))
		rds_send_drop_acked(conn, sequence, nullptr);
	return bytes;
}

int recv(rds_connection *)
{
	return 0; /* nothing is ever left over */
}

} // namespace

constinit struct rds_transport rds_loop_transport = {
	.t_name = "loopback",
	.t_item = {},
	.t_owner = nullptr, /* set by module.c */
	.t_prefer_loopback = 0,
	.t_type = RDS_TRANS_LOOP,
	.laddr_check = nullptr,
	.conn_alloc = conn_alloc,
	.conn_free = conn_free,
	.conn_connect = conn_connect,
	.conn_shutdown = conn_shutdown,
	.xmit_prepare = nullptr,
	.xmit_complete = nullptr,
	.xmit = xmit,
	.xmit_rdma = nullptr,
	.xmit_atomic = nullptr,
	.recv = recv,
	/* the core's own, so that unread messages outlive this module */
	.inc_copy_to_user = rds_message_inc_copy_to_user,
	.inc_free = rds_message_inc_free,
	.cm_handle_connect = nullptr,
	.cm_initiate_connect = nullptr,
	.cm_connect_complete = nullptr,
	.stats_info_copy = nullptr,
	.exit = nullptr,
	.get_mr = nullptr,
	.sync_mr = nullptr,
	.free_mr = nullptr,
	.flush_mrs = nullptr,
	.t_mp_capable = 0,
	.t_small_connects = 0,
	.t_zerocopy = 0,
	.t_xmit_atomic = 0,
	.t_immediate = 1,
	.laddr_check6 = nullptr,
	.get_tos_map = nullptr,
	.get_mr_ex = nullptr,
	.lanes_known = nullptr,
};

int rds_loop_start(struct module *owner)
{
	rds_loop_transport.t_owner = owner;
	return rds_trans_register(&rds_loop_transport);
}

void rds_loop_stop(void)
{
	rds_trans_unregister(&rds_loop_transport);
}
