// SPDX-License-Identifier: GPL-2.0
/* Control messages of a sendmsg: see control.h. */
#include <linux/errno.h>

#include "control.h"
#include "range.h"

namespace rds {

namespace {

constexpr u64 max_local_ranges = 1024;
/* The scatter list of an operation is one allocation. */
constexpr u64 max_local_pages = 4 * 1024 * 1024 / SCATTERLIST_BYTES;

/* What a message says, if it is long enough; what follows is ignored. */
template <typename T>
bool read(const kernel_control &c, T &to)
{
	if (c.len < sizeof(T))
		return false;
	__builtin_memcpy(&to, c.data, sizeof(T));
	return true;
}

void announce(rds_message *rm, rds_mr *mr, u64 cookie)
{
	rm->m_mr = mr;
	exthdr_writer ext{rm->m_inc.i_hdr.h_exthdr};
	(void)ext.rdma_dest(static_cast<u32>(cookie), cookie >> 32);
}

} // namespace

int local_vector::copy(const rds_rdma_args &args)
{
	if (!args.nr_local)
		return -EINVAL;
	if (args.nr_local > max_local_ranges)
		return -EMSGSIZE;
	size_t bytes = args.nr_local * sizeof(rds_iovec);
	m_vec = static_cast<rds_iovec *>(kernel_alloc(bytes, kernel::gfp_account));
	if (!m_vec)
		return -ENOMEM;
	if (kernel_copy_from_user(m_vec, args.local_vec_addr, bytes))
		return -EFAULT;
	for (u64 i = 0; i < args.nr_local; i++) {
		if (!range_length_ok(m_vec[i]) || range_wraps(m_vec[i]))
			return -EINVAL;
		m_pages += range_pages(m_vec[i]);
	}
	return 0;
}

int send_controls::shapes() const
{
	u64 remote = 0;
	bool too_long = false;
	int err = each_control(m_args->msg, [&](const kernel_control &c) {
		rds_rdma_args args;
		if (c.type != RDS_CMSG_RDMA_ARGS)
			return 0;
		if (!read(c, args))
			return -EINVAL;
		too_long |= __builtin_add_overflow(remote, u64{args.remote_vec.bytes}, &remote);
		return 0;
	});
	if (err)
		return err;
	return too_long || remote > RDS_MAX_MSG_SIZE ? -EMSGSIZE : 0;
}

int send_controls::check_rdma(const kernel_control &c)
{
	rds_rdma_args args;
	if (!read(c, args))
		return -EINVAL;
	if (!m_local.get())
		return m_local.copy(args);
	local_vector another;
	return another.copy(args);
}

int send_controls::check_type(const kernel_control &c)
{
	switch (c.type) {
	case RDS_CMSG_RDMA_ARGS:
		m_operates = true;
		return check_rdma(c);
	case RDS_CMSG_ATOMIC_FADD:
	case RDS_CMSG_ATOMIC_CSWP:
	case RDS_CMSG_MASKED_ATOMIC_FADD:
	case RDS_CMSG_MASKED_ATOMIC_CSWP:
		m_operates = true;
		return 0;
	case RDS_CMSG_ZCOPY_COOKIE:
		m_cookie = true;
		[[fallthrough]];
	case RDS_CMSG_RDMA_DEST:
	case RDS_CMSG_RDMA_MAP:
		m_announces = true;
		return 0;
	}
	return -EINVAL;
}

int send_controls::types()
{
	if (zerocopy_wanted() && !m_rs->trans->t_zerocopy)
		return -EOPNOTSUPP;
	int err = each_control(m_args->msg,
			       [this](const kernel_control &c) { return check_type(c); });
	if (err)
		return err;
	if ((m_args->flags & MSG_ZEROCOPY_VALUE) && !m_cookie)
		return -EINVAL;
	if (m_operates && m_announces)
		return -EINVAL;
	return m_local.pages() > max_local_pages ? -ENOMEM : 0;
}

int send_controls::apply_rdma(rds_message *rm, rds_connection *conn, const kernel_control &c)
{
	rds_rdma_args args;
	if (!read(c, args))
		return -EINVAL;
	return rds_rdma_prepare(m_rs, rm, conn, &args, m_local.get(), m_local.pages());
}

int send_controls::apply_atomic(rds_message *rm, const kernel_control &c)
{
	rds_atomic_args args;
	if (!read(c, args))
		return -EINVAL;
	return rds_atomic_prepare(m_rs, rm, c.type, &args);
}

int send_controls::apply_map(rds_message *rm, rds_connection *conn, const kernel_control &c)
{
	rds_get_mr_args args;
	if (!read(c, args) || rm->m_mr)
		return -EINVAL;
	u64 cookie;
	rds_mr *mr;
	int err = rds_mr_map(m_rs, &args, conn, &cookie, &mr);
	if (err)
		return err == -ENODEV ? -EAGAIN : err; /* a connect is on its way */
	m_mapped = true;
	announce(rm, mr, cookie);
	return 0;
}

int send_controls::apply_dest(rds_message *rm, const kernel_control &c)
{
	u64 cookie;
	if (!read(c, cookie) || rm->m_mr)
		return -EINVAL;
	rds_mr *mr = rds_mr_announce(m_rs, static_cast<u32>(cookie));
	if (!mr)
		return -EINVAL;
	announce(rm, mr, cookie);
	return 0;
}

int send_controls::apply_one(rds_message *rm, rds_connection *conn, const kernel_control &c)
{
	switch (c.type) {
	case RDS_CMSG_ZCOPY_COOKIE:
		return rds_zcopy_cookie(rm, c.data, c.len);
	case RDS_CMSG_RDMA_ARGS:
		return apply_rdma(rm, conn, c);
	case RDS_CMSG_RDMA_MAP:
		return apply_map(rm, conn, c);
	case RDS_CMSG_RDMA_DEST:
		return apply_dest(rm, c);
	default: /* the types were checked */
		return apply_atomic(rm, c);
	}
}

int send_controls::effects(rds_message *rm, rds_connection *conn)
{
	int err = 0;
	if (!m_applied)
		err = each_control(m_args->msg,
				   [&](const kernel_control &c) { return apply_one(rm, conn, c); });
	if (err)
		return err;
	m_applied = true;
	const rds_lane *lane = lane_of(conn);
	if ((rm->m_rdma.op_active && !lane->c_has_rdma) ||
	    (rm->m_atomic.op_active && !lane->c_has_atomics))
		return -EOPNOTSUPP;
	return 0;
}

void send_controls::undo(rds_message *rm)
{
	if (m_mapped)
		rds_mr_forget(rm->m_mr);
}

} // namespace rds
