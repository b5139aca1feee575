// SPDX-License-Identifier: GPL-2.0
/* Control messages of a sendmsg: see control.h. */
#include <linux/errno.h>

#include "control.h"

namespace rds {

int send_controls::check_shapes() const
{
	return each_control(m_args->msg, [](const kernel_control &c) {
		bool cut = c.type == RDS_CMSG_RDMA_ARGS && c.len < sizeof(rds_rdma_args);
		return cut ? -EINVAL : 0;
	});
}

int send_controls::check_type(const kernel_control &c)
{
	switch (c.type) {
	case RDS_CMSG_RDMA_ARGS:
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

int send_controls::check_types()
{
	if (zerocopy_wanted() && !m_rs->trans->t_zerocopy)
		return -EOPNOTSUPP;
	int err = each_control(m_args->msg,
			       [this](const kernel_control &c) { return check_type(c); });
	if (err)
		return err;
	if ((m_args->flags & MSG_ZEROCOPY_VALUE) && !m_cookie)
		return -EINVAL;
	return m_operates && m_announces ? -EINVAL : 0;
}

int send_controls::apply_one(rds_message *rm, rds_connection *, const kernel_control &c)
{
	switch (c.type) {
	case RDS_CMSG_ZCOPY_COOKIE:
		return rds_zcopy_cookie(rm, c.data, c.len);
	case RDS_CMSG_RDMA_DEST:
		return -EINVAL; /* no such key */
	}
	return -EOPNOTSUPP;
}

int send_controls::apply(rds_message *rm, rds_connection *conn)
{
	return each_control(m_args->msg,
			    [&](const kernel_control &c) { return apply_one(rm, conn, c); });
}

} // namespace rds
