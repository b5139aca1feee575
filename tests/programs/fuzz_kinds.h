// SPDX-License-Identifier: GPL-2.0
/*
 * The kinds of call that the fuzzer makes: what each may fail with (the errno index of the interface)
 * and what proves that it went as far as it can. This table is all there is to change when a
 * feature arrives. Constants only.
 */
#ifndef TESTS_PROGRAMS_FUZZ_KINDS_H
#define TESTS_PROGRAMS_FUZZ_KINDS_H

#include <cerrno>
#include <cstddef>
#include <vector>

/* Must the outcome be seen in each run? */
enum class expected {
	always,
	tcp, /* as always, where the TCP transport is loaded */
	churn, /* with --net-churn */
	no, /* it may happen */
};

#define FUZZ_SEND_ERRNOS                                                                           \
	EFAULT, EINVAL, EMSGSIZE, ENOBUFS, EOPNOTSUPP, ENOTCONN, ENOMEM, ENETDOWN, EAGAIN,         \
		ETIMEDOUT, EINTR, ENETUNREACH
#define FUZZ_RECV_ERRNOS   EFAULT, EINVAL, EMSGSIZE, EAGAIN, ETIMEDOUT, EINTR
#define FUZZ_MR_ERRNOS	   EINVAL, EFAULT, ENOTCONN, EOPNOTSUPP, EPERM, EMSGSIZE, ENOMEM, ENODEV
#define FUZZ_DEVICE_ERRNOS ENOTTY, EFAULT, EINVAL, ENODEV, ENXIO, EADDRNOTAVAIL

/*
 * X(name, shown as, expected, outcome, errnos that it may have)
 * The outcome is 0 for success, or the errno that only a call comes to that passed all checks of
 * its form: what TCP and loopback cannot do is refused last.
 */
#define FUZZ_KINDS(X)                                                                              \
	X(socket_good, "socket", always, 0, EINTR)                                                 \
	X(socket_bad, "socket, wrong type", always, ESOCKTNOSUPPORT, EINVAL, ESOCKTNOSUPPORT)      \
	X(replace, "close by dup3", always, 0, EBUSY)                                              \
	X(bind, "bind", always, 0, EINVAL, EFAULT, ENOPROTOOPT, EADDRNOTAVAIL, EADDRINUSE, ENOMEM) \
	X(bind_v6, "bind, IPv6", tcp, 0, EINVAL, ENOPROTOOPT, EADDRNOTAVAIL, EADDRINUSE, ENOMEM)   \
	X(connect, "connect", always, 0, EINVAL, EFAULT, EDESTADDRREQ, EPROTOTYPE, EAFNOSUPPORT)   \
	X(getsockname, "getsockname", always, 0, EFAULT, EINVAL)                                   \
	X(getpeername, "getpeername", always, 0, EFAULT, EINVAL, ENOTCONN)                         \
	X(absent, "listen, accept, shutdown, socketpair", always, EOPNOTSUPP, EOPNOTSUPP, EINVAL)  \
	X(mmap, "mmap", always, ENODEV, ENODEV)                                                    \
	X(splice, "splice from and to the socket", no, 0, FUZZ_SEND_ERRNOS)                        \
	X(write, "write", always, EOPNOTSUPP, EOPNOTSUPP, EFAULT, EINVAL)                          \
	X(send, "send", always, 0, FUZZ_SEND_ERRNOS)                                               \
	X(sendto, "sendto", always, 0, FUZZ_SEND_ERRNOS)                                           \
	X(send_flags, "sendto, other flags", always, EOPNOTSUPP, EOPNOTSUPP, EFAULT, EINVAL)       \
	X(sendmsg, "sendmsg, many pieces", always, 0, FUZZ_SEND_ERRNOS)                            \
	X(sendmmsg, "sendmmsg", always, 0, FUZZ_SEND_ERRNOS)                                       \
	X(send_control, "sendmsg, random control", no, 0, FUZZ_SEND_ERRNOS)                        \
	X(send_foreign, "sendmsg, control of other levels", always, 0, FUZZ_SEND_ERRNOS)           \
	X(send_rdma, "sendmsg, RDMA_ARGS", always, EOPNOTSUPP, FUZZ_SEND_ERRNOS)                   \
	X(send_dest, "sendmsg, RDMA_DEST", always, EINVAL, FUZZ_SEND_ERRNOS, EPERM)                \
	X(send_map, "sendmsg, RDMA_MAP", always, EOPNOTSUPP, FUZZ_SEND_ERRNOS, EPERM)              \
	X(send_atomic, "sendmsg, ATOMIC", always, EOPNOTSUPP, FUZZ_SEND_ERRNOS)                    \
	X(send_zerocopy, "sendmsg, MSG_ZEROCOPY with cookie", tcp, 0, FUZZ_SEND_ERRNOS)            \
	X(send_congested, "send to a congested port", always, ENOBUFS, FUZZ_SEND_ERRNOS)           \
	X(send_full, "send with no space", always, EAGAIN, FUZZ_SEND_ERRNOS)                       \
	X(send_late, "send, SO_SNDTIMEO expires", always, ETIMEDOUT, FUZZ_SEND_ERRNOS)             \
	X(recv, "recv", always, 0, FUZZ_RECV_ERRNOS)                                               \
	X(recvfrom, "recvfrom", always, 0, FUZZ_RECV_ERRNOS)                                       \
	X(recvmsg, "recvmsg", always, 0, FUZZ_RECV_ERRNOS, ENOBUFS)                                \
	X(recvmmsg, "recvmmsg", always, 0, FUZZ_RECV_ERRNOS, ENOBUFS)                              \
	X(read, "read", always, 0, FUZZ_RECV_ERRNOS)                                               \
	X(recv_wait, "recv that waits", always, ETIMEDOUT, FUZZ_RECV_ERRNOS)                       \
	X(got_whole, "a whole payload of ours", always, 0, 0)                                      \
	X(got_congestion, "CONG_UPDATE", always, 0, 0)                                             \
	X(got_timestamp, "SO_TIMESTAMP", always, 0, 0)                                             \
	X(got_timestamp_new, "SO_TIMESTAMP_NEW", always, 0, 0)                                     \
	X(got_latency, "RXPATH_LATENCY", always, 0, 0)                                             \
	X(got_completion, "ZCOPY_COMPLETION", tcp, 0, 0)                                           \
	X(got_truncated, "MSG_TRUNC", always, 0, 0)                                                \
	X(got_control_cut, "MSG_CTRUNC", always, 0, 0)                                             \
	X(cancel, "set RDS_CANCEL_SENT_TO", always, 0, EINVAL, EFAULT, ENOTCONN)                   \
	X(get_mr, "set RDS_GET_MR", always, EOPNOTSUPP, FUZZ_MR_ERRNOS)                            \
	X(get_mr_for_dest, "set RDS_GET_MR_FOR_DEST", always, EOPNOTSUPP, FUZZ_MR_ERRNOS)          \
	X(free_mr, "set RDS_FREE_MR", always, EINVAL, EINVAL, EFAULT)                              \
	X(recverr, "set RDS_RECVERR", always, 0, EINVAL, EFAULT)                                   \
	X(monitor, "set RDS_CONG_MONITOR", always, 0, EINVAL, EFAULT)                              \
	X(transport, "set SO_RDS_TRANSPORT", tcp, 0, EOPNOTSUPP, EINVAL, EFAULT, EPROTOTYPE,       \
	  ENOPROTOOPT)                                                                             \
	X(latency, "set SO_RDS_MSG_RXPATH_LATENCY", always, 0, EFAULT, EINVAL)                     \
	X(rds_timestamp, "set SOL_RDS SO_TIMESTAMP", always, 0, EFAULT, EINVAL)                    \
	X(set_unknown, "set an unknown option", always, ENOPROTOOPT, ENOPROTOOPT, EINVAL, EFAULT)  \
	X(get_recverr, "get RDS_RECVERR", always, 0, EINVAL, EFAULT)                               \
	X(get_transport, "get SO_RDS_TRANSPORT", always, 0, EINVAL, EFAULT)                        \
	X(get_unknown, "get an unknown option", always, ENOPROTOOPT, ENOPROTOOPT, EINVAL, EFAULT)  \
	X(info, "get RDS_INFO_*", always, 0, ENOPROTOOPT, EFAULT, EINVAL, EAGAIN, ENOMEM, ENOSPC)  \
	X(info_probe, "RDS_INFO_* of length 0", always, ENOSPC, ENOPROTOOPT, EFAULT, ENOSPC)       \
	X(buffers, "set SO_SNDBUF, SO_RCVBUF", always, 0, EINVAL, EFAULT, EPERM)                   \
	X(timeouts, "set SO_SNDTIMEO, SO_RCVTIMEO", always, 0, EINVAL, EFAULT, EDOM)               \
	X(timestamps, "set SO_TIMESTAMP*", always, 0, EINVAL, EFAULT)                              \
	X(zerocopy, "set SO_ZEROCOPY", always, 0, EINVAL, EFAULT, EOPNOTSUPP)                      \
	X(set_generic, "set SOL_SOCKET", always, 0, EINVAL, EFAULT, ENOPROTOOPT, EOPNOTSUPP, EDOM, \
	  EPERM, ENODEV)                                                                           \
	X(get_generic, "get SOL_SOCKET", always, 0, EINVAL, EFAULT, ENOPROTOOPT, EOPNOTSUPP,       \
	  ENODATA)                                                                                 \
	X(set_tos, "SIOCRDSSETTOS", tcp, 0, EFAULT, ENOTTY, EINVAL)                                \
	X(get_tos, "SIOCRDSGETTOS", always, 0, EFAULT)                                             \
	X(nonblock, "FIONBIO", always, 0, EFAULT)                                                  \
	X(ioctl_device, "ioctl of devices", always, 0, FUZZ_DEVICE_ERRNOS)                         \
	X(ioctl_none, "ioctl that RDS has not", always, ENOTTY, ENOTTY, EFAULT, ENODEV, EINVAL)    \
	X(poll, "poll", always, 0, EFAULT, EINTR, EINVAL)                                          \
	X(select, "select", always, 0, EFAULT, EINTR, EINVAL)                                      \
	X(epoll, "epoll", always, 0, EFAULT, EINTR, EINVAL, EEXIST, ENOENT)                        \
	X(sysctl_read, "read a sysctl", always, 0, EFAULT, EINVAL, ENOENT, EACCES)                 \
	X(sysctl_write, "write a sysctl", always, 0, EFAULT, EINVAL, ENOENT, EACCES, EPERM)        \
	X(address, "add and remove an address", churn, 0, EEXIST, EADDRNOTAVAIL, ENODEV, EINVAL)   \
	X(link, "link down and up", churn, 0, ENODEV, ENETDOWN)                                    \
	X(namespace_new, "new namespace", churn, 0, EINTR)                                         \
	X(namespace_end, "namespace given up", churn, 0, EBUSY)

enum class kind : std::size_t {
#define FUZZ_ENUM(name, shown, when, outcome, ...) name,
	FUZZ_KINDS(FUZZ_ENUM)
#undef FUZZ_ENUM
		count
};

struct kind_row {
	const char *name;
	expected when;
	int outcome;
	std::vector<int> errnos;
};

inline const kind_row &row_of(kind k)
{
	static const kind_row rows[] = {
#define FUZZ_ROW(name, shown, when, outcome, ...) {shown, expected::when, outcome, {__VA_ARGS__}},
		FUZZ_KINDS(FUZZ_ROW)
#undef FUZZ_ROW
	};
	return rows[static_cast<std::size_t>(k)];
}

#endif
