// SPDX-License-Identifier: GPL-2.0
/*
 * Seam: the AF_RDS family. proto_ops that cast, copy from and to the user, and forward to the
 * decisions in sock.cc, send.cc and recv.cc.
 */
#include <linux/ipv6.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/pagemap.h>
#include <linux/poll.h>
#include <linux/rds.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <net/ipv6.h>
#include <net/sock.h>

#include "module.h"
#include "sock_calls.h"

static struct rds_sock *to_rds(struct sock *sk)
{
	return (struct rds_sock *)sk;
}

/*
 * ---- addresses ----
 */

static void name_from_user(struct rds_name *n, const void *data, int len)
{
	const struct sockaddr *sa = data;
	const struct sockaddr_in *in = data;
	const struct sockaddr_in6 *in6 = data;

	memset(n, 0, sizeof(*n));
	if (!len)
		return;
	n->present = 1;
	if (len < (int)sizeof(sa->sa_family)) {
		n->short_form = 1;
		return;
	}
	n->family = sa->sa_family;
	switch (sa->sa_family) {
	case AF_INET:
		n->short_form = len < (int)sizeof(*in);
		if (n->short_form)
			return;
		ipv6_addr_set_v4mapped(in->sin_addr.s_addr, &n->addr);
		n->port = ntohs(in->sin_port);
		break;
#if IS_ENABLED(CONFIG_IPV6)
	case AF_INET6:
		n->short_form = len < (int)sizeof(*in6);
		if (n->short_form)
			return;
		n->addr = in6->sin6_addr;
		n->port = ntohs(in6->sin6_port);
		n->scope = in6->sin6_scope_id;
		n->mapped_in6 = ipv6_addr_v4mapped(&in6->sin6_addr);
		break;
#endif
	}
}

/* Return: the length; every byte of it is written. */
static int name_to_user(const struct rds_name *n, void *data)
{
	struct sockaddr_in *in = data;
	struct sockaddr_in6 *in6 = data;

	if (n->family == AF_INET6) {
		memset(in6, 0, sizeof(*in6));
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(n->port);
		in6->sin6_addr = n->addr;
		in6->sin6_scope_id = n->scope;
		return sizeof(*in6);
	}
	memset(in, 0, sizeof(*in));
	in->sin_family = n->family;
	if (n->family == AF_INET) {
		in->sin_port = htons(n->port);
		in->sin_addr.s_addr = n->addr.s6_addr32[3];
	}
	return sizeof(*in);
}

/*
 * ---- calls ----
 */

static int rds_release(struct socket *sock)
{
	struct sock *sk = sock->sk;

	if (!sk)
		return 0;
	sock_orphan(sk);
	rds_sock_release(to_rds(sk));
	sock->sk = NULL;
	sock_put(sk);
	return 0;
}

static int rds_bind(struct socket *sock, struct sockaddr *addr, int len)
{
	struct rds_name name;

	name_from_user(&name, addr, len);
	return rds_sock_bind(to_rds(sock->sk), &name);
}

static int rds_connect(struct socket *sock, struct sockaddr *addr, int len, int flags)
{
	struct rds_name name;

	name_from_user(&name, addr, len);
	return rds_sock_connect(to_rds(sock->sk), &name);
}

static int rds_getname(struct socket *sock, struct sockaddr *addr, int peer)
{
	struct rds_name name;
	int err = rds_sock_name(to_rds(sock->sk), peer, &name);

	return err ? err : name_to_user(&name, addr);
}

static __poll_t rds_poll(struct file *file, struct socket *sock, poll_table *wait)
{
	sock_poll_wait(file, sock, wait);
	return (__force __poll_t)rds_sock_poll(to_rds(sock->sk));
}

static int rds_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct sock *sk = sock->sk;
	struct rds_send_args args = {
		.from = &msg->msg_iter,
		.len = len,
		.flags = msg->msg_flags,
		.nonblock = !!(msg->msg_flags & MSG_DONTWAIT),
		.timeout = sock_sndtimeo(sk, false),
		.msg = msg,
		.controls = msg->msg_controllen != 0,
		.zerocopy = sock_flag(sk, SOCK_ZEROCOPY),
	};

	name_from_user(&args.name, msg->msg_name, msg->msg_namelen);
	return rds_sock_sendmsg(to_rds(sk), &args);
}

static int rds_recvmsg(struct socket *sock, struct msghdr *msg, size_t len, int flags)
{
	struct sock *sk = sock->sk;
	struct rds_recv_args args = {
		.to = &msg->msg_iter,
		.len = len,
		.flags = flags,
		.nonblock = !!(flags & MSG_DONTWAIT),
		.timeout = sock_rcvtimeo(sk, false),
		.msg = msg,
		.zerocopy = sock_flag(sk, SOCK_ZEROCOPY),
	};
	long ret;

	if (flags & MSG_ERRQUEUE)
		return -EAGAIN; /* nothing ever comes there */
	msg->msg_namelen = 0;
	ret = rds_sock_recvmsg(to_rds(sk), &args);
	if (ret < 0)
		return ret;
	if (args.truncated)
		msg->msg_flags |= MSG_TRUNC;
	if (args.name.present && msg->msg_name) {
		args.name.family = ipv6_addr_v4mapped(&args.name.addr) ? AF_INET : AF_INET6;
		msg->msg_namelen = name_to_user(&args.name, msg->msg_name);
	}
	return ret;
}

/* What is not known here the generic layer tries on net devices, after ENOIOCTLCMD. */
static int rds_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	struct rds_sock *rs = to_rds(sock->sk);
	u8 __user *user = (u8 __user *)arg;
	int err;
	u8 tos;

	switch (cmd) {
	case SIOCRDSSETTOS:
		if (get_user(tos, user))
			return -EFAULT;
		err = rds_sock_set_tos(rs, tos);
		return err == -ENOTTY ? -ENOIOCTLCMD : err;
	case SIOCRDSGETTOS:
		return put_user(rds_sock_get_tos(rs), user) ? -EFAULT : 0;
	}
	return -ENOIOCTLCMD;
}

/*
 * ---- options ----
 */

static int get_int(sockptr_t from, unsigned int len, int *value)
{
	if (len < sizeof(int))
		return -EINVAL;
	return copy_from_sockptr(value, from, sizeof(int)) ? -EFAULT : 0;
}

static int set_cancel(struct rds_sock *rs, sockptr_t optval, unsigned int len)
{
	struct sockaddr_in6 in6 = {};
	struct rds_name name;
	unsigned int want = len >= sizeof(in6) ? sizeof(in6) : sizeof(struct sockaddr_in);
	struct rds_name none = {};

	/* an unbound socket is told so before its argument is looked at */
	if (rds_sock_name(rs, 0, &none) || !none.family || !none.port)
		return -ENOTCONN;
	if (len < sizeof(struct sockaddr_in))
		return -EINVAL;
	if (copy_from_sockptr(&in6, optval, want))
		return -EFAULT;
	/* the length decides, the family field is not looked at */
	in6.sin6_family = want == sizeof(in6) ? AF_INET6 : AF_INET;
	name_from_user(&name, &in6, want);
	return rds_sock_cancel(rs, &name);
}

static const char *transport_module(int type)
{
	switch (type) {
	case RDS_TRANS_IB:
		return "rds_rdma";
	case RDS_TRANS_TCP:
		return "rds_tcp";
	}
	return NULL;
}

static int set_transport(struct sock *sk, sockptr_t optval, unsigned int len)
{
	int type, err = rds_sock_check_transport(to_rds(sk));

	if (err)
		return err;
	if (len != sizeof(int))
		return -EINVAL;
	if (copy_from_sockptr(&type, optval, sizeof(type)))
		return -EFAULT;
	if (type < 0 || type >= RDS_TRANS_COUNT)
		return -EINVAL;
	if (type != RDS_TRANS_TCP && !net_eq(sock_net(sk), &init_net))
		return -EPROTOTYPE;
	return rds_sock_set_transport(to_rds(sk), type, transport_module(type));
}

/* The flag of the SOL_SOCKET option; the new form, once asked for, stays. socket.md 12.1. */
static int set_timestamp(struct sock *sk, int optname, sockptr_t optval, unsigned int len)
{
	int on;

	if (len != sizeof(int) || copy_from_sockptr(&on, optval, sizeof(on)))
		return -EFAULT;
	lock_sock(sk);
	if (optname == SO_TIMESTAMP_NEW)
		sock_set_flag(sk, SOCK_TSTAMP_NEW);
	sock_valbool_flag(sk, SOCK_RCVTSTAMP, on);
	release_sock(sk);
	return 0;
}

static int get_mr(struct rds_sock *rs, sockptr_t optval, unsigned int len)
{
	struct rds_get_mr_args args;

	if (len != sizeof(args))
		return -EINVAL;
	if (copy_from_sockptr(&args, optval, sizeof(args)))
		return -EFAULT;
	return rds_sock_get_mr(rs, &args, NULL);
}

static int get_mr_for_dest(struct rds_sock *rs, sockptr_t optval, unsigned int len)
{
	struct rds_get_mr_for_dest_args dest;
	struct rds_get_mr_args args;
	struct rds_name name;

	if (len != sizeof(dest))
		return -EINVAL;
	if (copy_from_sockptr(&dest, optval, sizeof(dest)))
		return -EFAULT;
	args.vec = dest.vec;
	args.cookie_addr = dest.cookie_addr;
	args.flags = dest.flags;
	name_from_user(&name, &dest.dest_addr, sizeof(dest.dest_addr));
	return rds_sock_get_mr(rs, &args, &name);
}

static int free_mr(struct rds_sock *rs, sockptr_t optval, unsigned int len)
{
	struct rds_free_mr_args args;

	if (len != sizeof(args))
		return -EINVAL;
	if (copy_from_sockptr(&args, optval, sizeof(args)))
		return -EFAULT;
	return rds_sock_free_mr(rs, &args);
}

static int set_latency(struct rds_sock *rs, sockptr_t optval, unsigned int len)
{
	struct rds_rx_trace_so want;

	if (len != sizeof(want) || copy_from_sockptr(&want, optval, sizeof(want)))
		return -EFAULT;
	return rds_sock_set_latency(rs, &want);
}

static int rds_setsockopt(struct socket *sock, int level, int optname, sockptr_t optval,
			  unsigned int optlen)
{
	struct rds_sock *rs = to_rds(sock->sk);
	int value, err;

	if (level != SOL_RDS)
		return -ENOPROTOOPT;
	switch (optname) {
	case RDS_CANCEL_SENT_TO:
		return set_cancel(rs, optval, optlen);
	case RDS_GET_MR:
		return get_mr(rs, optval, optlen);
	case RDS_GET_MR_FOR_DEST:
		return get_mr_for_dest(rs, optval, optlen);
	case RDS_FREE_MR:
		return free_mr(rs, optval, optlen);
	case RDS_RECVERR:
		err = get_int(optval, optlen, &value);
		return err ? err : rds_sock_set_recverr(rs, !!value);
	case RDS_CONG_MONITOR:
		err = get_int(optval, optlen, &value);
		if (!err)
			rds_sock_set_monitor(rs, !!value);
		return err;
	case SO_RDS_TRANSPORT:
		return set_transport(sock->sk, optval, optlen);
	case SO_TIMESTAMP_OLD:
	case SO_TIMESTAMP_NEW:
		return set_timestamp(sock->sk, optname, optval, optlen);
	case SO_RDS_MSG_RXPATH_LATENCY:
		return set_latency(rs, optval, optlen);
	}
	return -ENOPROTOOPT;
}

static int put_int(int value, char __user *optval, int __user *optlen, int len)
{
	if (len < (int)sizeof(int))
		return -EINVAL;
	if (put_user(value, (int __user *)optval) || put_user((int)sizeof(int), optlen))
		return -EFAULT;
	return 0;
}

/*
 * The snapshot is taken into memory of ours, whose size is that of the list and never the user's
 * wish, and copied out; the list may grow in between. info.md 1.
 */
static int get_info(struct sock *sk, int optname, char __user *optval, int __user *optlen, int len)
{
	struct net *net = sock_net(sk);
	u64 needed = 0, room;
	int each;
	u8 *buf;

	if (len < 0 || len > INT_MAX - PAGE_SIZE + 1 ||
	    (unsigned long)optval + len < (unsigned long)optval)
		return -EINVAL;
	if (len && fault_in_safe_writeable(optval, len))
		return -EAGAIN;
	each = rds_info_snapshot(net, optname, NULL, 0, &needed);
	while (each > 0 && needed && needed <= len) {
		room = needed;
		buf = kvmalloc(room, GFP_KERNEL_ACCOUNT);
		if (!buf)
			return -ENOMEM;
		each = rds_info_snapshot(net, optname, buf, room, &needed);
		if (each > 0 && needed <= room) {
			bool failed = copy_to_user(optval, buf, needed);

			kvfree(buf);
			if (failed)
				return -EAGAIN;
			break;
		}
		kvfree(buf);
	}
	if (each < 0)
		return each;
	if (put_user((int)min_t(u64, needed, INT_MAX), optlen))
		return -EFAULT;
	return needed > len ? -ENOSPC : each;
}

static int rds_getsockopt(struct socket *sock, int level, int optname, char __user *optval,
			  int __user *optlen)
{
	struct rds_sock *rs = to_rds(sock->sk);
	int len;

	if (level != SOL_RDS)
		return -ENOPROTOOPT;
	if (get_user(len, optlen))
		return -EFAULT;
	if (optname >= RDS_INFO_FIRST && optname <= RDS_INFO_LAST)
		return get_info(sock->sk, optname, optval, optlen, len);
	switch (optname) {
	case RDS_RECVERR:
		return put_int(rds_sock_get_recverr(rs), optval, optlen, len);
	case SO_RDS_TRANSPORT:
		return put_int(rds_sock_get_transport(rs), optval, optlen, len);
	}
	return -ENOPROTOOPT;
}

/*
 * ---- family ----
 */

static struct proto rds_proto = {
	.name = "RDS",
	.owner = THIS_MODULE,
};

static const struct proto_ops rds_proto_ops = {
	.family = AF_RDS,
	.owner = THIS_MODULE,
	.release = rds_release,
	.bind = rds_bind,
	.connect = rds_connect,
	.socketpair = sock_no_socketpair,
	.accept = sock_no_accept,
	.getname = rds_getname,
	.poll = rds_poll,
	.ioctl = rds_ioctl,
	.listen = sock_no_listen,
	.shutdown = sock_no_shutdown,
	.setsockopt = rds_setsockopt,
	.getsockopt = rds_getsockopt,
	.sendmsg = rds_sendmsg,
	.recvmsg = rds_recvmsg,
	.mmap = sock_no_mmap,
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	.sendpage = sock_no_sendpage,
#endif
};

static void rds_destruct(struct sock *sk)
{
	rds_sock_destruct(to_rds(sk));
}

static int rds_create(struct net *net, struct socket *sock, int protocol, int kern)
{
	struct sock *sk;

	if (sock->type != SOCK_SEQPACKET || protocol)
		return -ESOCKTNOSUPPORT;
	sk = sk_alloc(net, AF_RDS, GFP_KERNEL, &rds_proto, kern);
	if (!sk)
		return -ENOMEM;
	sock_init_data(sock, sk);
	sock->ops = &rds_proto_ops;
	sk->sk_protocol = protocol;
	sk->sk_destruct = rds_destruct;
	/* the receive path finds sockets under RCU */
	sock_set_flag(sk, SOCK_RCU_FREE);
	rds_sock_construct(to_rds(sk), net);
	return 0;
}

static const struct net_proto_family rds_family = {
	.family = AF_RDS,
	.create = rds_create,
	.owner = THIS_MODULE,
};

int rds_family_init(void)
{
	int err;

	rds_proto.obj_size = rds_sock_bytes;
	err = proto_register(&rds_proto, 1);
	if (err)
		return err;
	err = sock_register(&rds_family);
	if (err)
		proto_unregister(&rds_proto);
	return err;
}

void rds_family_exit(void)
{
	sock_unregister(AF_RDS);
	rcu_barrier();
	proto_unregister(&rds_proto);
}
