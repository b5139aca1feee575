// SPDX-License-Identifier: GPL-2.0
/* What tracepoints want to know of messages and sockets; drops, and their counters. */
#include "rds.h"

namespace {

constexpr rds_stat counters[] = {
#define x(reason, counter) rds_s_##counter,
	RDS_DROPS(x)
#undef x
};
static_assert(sizeof(counters) / sizeof(counters[0]) == RDS_DROP_NR);

/* In RDS_DROPS, those of received messages come first. */
enum {
#define x(reason, counter) received_##reason,
	RDS_DROPS_RECV_ABI(x) RDS_DROPS_RECV(x)
#undef x
		nr_received
};

u64 inode_of(const rds_sock *rs)
{
	return rs ? kernel_sock_inode(const_cast<rds_sock *>(rs)) : 0;
}

} // namespace

/* The socket may just let go of its message: its memory stays for the section. */
void rds_tell_message(rds_trace_event event, const rds_connection *conn, const rds_message *rm)
{
	kernel::rcu_guard rcu;
	kernel_trace_msg(event, conn, &rm->m_inc.i_hdr, true,
			 inode_of(kernel::read_once(rm->m_rs)));
}

void rds_tell_received(const rds_connection *conn, const rds_header *hdr, const rds_sock *rs)
{
	kernel_trace_msg(RDS_TRACE_MSG_RECEIVED, conn, hdr, false, inode_of(rs));
}

void rds_tell_cong_send(const rds_connection *conn, u16 fport, const rds_sock *rs, bool refused)
{
	kernel_trace_cong_send(conn, rs ? rs->port : 0, fport, inode_of(rs), refused);
}

void rds_drop(const rds_connection *conn, rds_drop_why why, const rds_header *hdr,
	      const rds_sock *rs)
{
	rds_stats_inc(counters[why]);
	if (rds_traced(RDS_TRACE_MSG_DROPPED))
		kernel_trace_drop(conn, hdr, static_cast<int>(why) >= nr_received, inode_of(rs),
				  why);
}

void rds_drop_message(const rds_message *rm, rds_drop_why why)
{
	kernel::rcu_guard rcu;
	rds_drop(rm->m_conn, why, &rm->m_inc.i_hdr, kernel::read_once(rm->m_rs));
}

void rds_recv_drop(rds_connection *conn, rds_drop_why why, const rds_header *hdr)
{
	constexpr rds_header unknown{};
	rds_drop(conn, why, hdr ? hdr : &unknown, nullptr);
}
