/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The control messages of one sendmsg. They are walked three times, so that errors come in the
 * documented order (socket.md 6.2): shapes, then types and what operations will need, then, with
 * the message built and its connection known, their effects in order of appearance.
 * Called by send.cc, process context, no locks. The messages are the kernel's copy, and what they
 * point to is copied once: no other thread can change anything between the walks.
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

/* The local vector of an RDMA_ARGS, as it was when it was copied. */
class local_vector : kernel::pinned {
public:
	~local_vector() { kernel_free(m_vec); }
	/* Rows 12 to 14. Once. */
	int copy(const rds_rdma_args &args);
	const rds_iovec *get() const { return m_vec; }
	u64 pages() const { return m_pages; }

private:
	rds_iovec *m_vec = nullptr;
	u64 m_pages = 0;
};

class send_controls : kernel::pinned {
public:
	send_controls(rds_sock *rs, const rds_send_args *args) : m_rs(rs), m_args(args) {}

	/* Row 7: all are whole; of row 8, what RDMA will move. Return: 0, -EINVAL, -EMSGSIZE. */
	int check_shapes() const { return m_args->controls ? shapes() : 0; }
	/* Rows 10 to 16: types, and which may come together; of row 17, what RDMA will take. */
	int check_types() { return plain() ? 0 : types(); }
	/* Is the payload to be sent from the user's own pages? */
	bool zerocopy() const { return m_args->len && zerocopy_wanted(); }
	/* Rows 21 and 22; row 21 the first time. @conn: where the message will go. */
	int apply(rds_message *rm, rds_connection *conn) { return plain() ? 0 : effects(rm, conn); }
	/* The message will not be sent: nobody hears of the region that was made for it. */
	void undo(rds_message *rm);

private:
	/* Nothing but payload, as nearly all are. */
	bool plain() const { return !m_args->controls && !(m_args->flags & MSG_ZEROCOPY_VALUE); }
	bool zerocopy_wanted() const
	{
		return m_args->zerocopy && (m_args->flags & MSG_ZEROCOPY_VALUE);
	}
	int shapes() const;
	int types();
	int effects(rds_message *rm, rds_connection *conn);
	int check_type(const kernel_control &c);
	int check_rdma(const kernel_control &c);
	int apply_one(rds_message *rm, rds_connection *conn, const kernel_control &c);
	int apply_rdma(rds_message *rm, rds_connection *conn, const kernel_control &c);
	int apply_atomic(rds_message *rm, const kernel_control &c);
	int apply_map(rds_message *rm, rds_connection *conn, const kernel_control &c);
	int apply_dest(rds_message *rm, const kernel_control &c);

	rds_sock *const m_rs;
	const rds_send_args *const m_args;
	local_vector m_local; /* of the first RDMA_ARGS; a second one is an error of row 21 */
	bool m_operates = false; /* RDMA_ARGS or an atomic */
	bool m_announces = false; /* RDMA_DEST, RDMA_MAP, ZCOPY_COOKIE */
	bool m_cookie = false;
	bool m_applied = false;
	bool m_mapped = false; /* the region of the message was made for it */
};

} // namespace rds
