/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The control messages of one sendmsg. They are walked three times, so that errors come in the
 * documented order (socket.md 6.2): shapes, then types and what operations will need, then, with
 * the message built and its connection known, their effects in order of appearance.
 * Called by send.cc, process context, no locks. The messages are the kernel's copy: no other
 * thread can change them between the walks.
 */
#pragma once

#include "rds.h"
#include "sock.h"

namespace rds {

/* Of the SOL_RDS messages; others are skipped. @f: int (const kernel_control &), 0 goes on. */
template <typename F>
int each_control(msghdr *msg, F f)
{
	kernel_control c{};
	int more;
	while ((more = kernel_control_next(msg, &c)) > 0) {
		int err = c.level == SOL_RDS ? f(c) : 0;
		if (err)
			return err;
	}
	return more;
}

class send_controls : kernel::pinned {
public:
	send_controls(rds_sock *rs, const rds_send_args *args) : m_rs(rs), m_args(args) {}

	/* Row 7: all are whole. Return: 0, -EINVAL. */
	int check_shapes() const;
	/* Rows 10 to 16: types, and which may come together. */
	int check_types();
	/* Is the payload to be sent from the user's own pages? */
	bool zerocopy() const { return m_args->len && zerocopy_wanted(); }
	/* Row 21. @conn: where the message will go. */
	int apply(rds_message *rm, rds_connection *conn);

private:
	bool zerocopy_wanted() const
	{
		return m_args->zerocopy && (m_args->flags & MSG_ZEROCOPY_VALUE);
	}
	int check_type(const kernel_control &c);
	int apply_one(rds_message *rm, rds_connection *conn, const kernel_control &c);

	rds_sock *const m_rs;
	const rds_send_args *const m_args;
	bool m_operates = false; /* RDMA_ARGS or an atomic */
	bool m_announces = false; /* RDMA_DEST, RDMA_MAP, ZCOPY_COOKIE */
	bool m_cookie = false;
};

} // namespace rds
