// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel side of rds_tcp: making, tuning, watching and closing TCP sockets. See ksock.h.
 *
 * Upcalls run under the socket lock, so that is what orders them against ksock_attach() and
 * ksock_detach(); the callback lock is held as well, for others who look at sk_user_data.
 *
 * None of the sockets counts its namespace, so all must be closed when that goes, and none may
 * need a timer once it is closed: the kernel stops the timers of such a socket as it closes it.
 */
#include <linux/inetdevice.h>
#include <linux/version.h>
#include <net/addrconf.h>
#include <net/inet_common.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/route.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "ksock.h"
#include "module.h"

/*
 * A dead peer is noticed within about 30 s, with and without data under way; a connect gives up
 * after three SYNs (7 s) and is tried anew, with a short pause instead of a long one.
 */
#define KEEPALIVE_SECONDS 5
#define KEEPALIVE_PROBES  5
#define USER_TIMEOUT_MS	  30000
#define SYN_RETRIES	  2

#define LISTEN_BACKLOG 1024

/* What every new TCP socket has as data_ready; restored on accepted ones, which inherit ours. */
static void (*default_data_ready)(struct sock *sk);

/* ---- addresses and ports ---- */

bool ksock_local4(struct net *net, __be32 addr)
{
	return inet_addr_type(net, addr) == RTN_LOCAL;
}

bool ksock_local6(struct net *net, const struct in6_addr *addr, u32 scope_id)
{
	bool local = false;

#if IS_ENABLED(CONFIG_IPV6)
	struct net_device *dev = NULL;

	if (!ipv6_mod_enabled())
		return false;
	/* the device is used inside the section only */
	rcu_read_lock();
	if (scope_id)
		dev = dev_get_by_index_rcu(net, scope_id);
	if (dev || !scope_id)
		local = ipv6_chk_addr(net, addr, dev, 0);
	rcu_read_unlock();
#endif
	return local;
}

void ksock_port_range(struct net *net, u32 *low, u32 *high)
{
	int lo, hi;

	inet_get_local_port_range(net, &lo, &hi);
	*low = lo;
	*high = hi;
}

bool ksock_port_reserved(struct net *net, u32 port)
{
	return inet_is_local_reserved_port(net, port);
}

static int fill_sockaddr(struct sockaddr_storage *ss, int family, const struct in6_addr *addr,
			 u16 port, u32 scope_id)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *sin = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	if (family == AF_INET) {
		sin->sin_family = AF_INET;
		sin->sin_addr.s_addr = addr->s6_addr32[3];
		sin->sin_port = htons(port);
		return sizeof(*sin);
	}
	sin6->sin6_family = AF_INET6;
	sin6->sin6_addr = *addr;
	sin6->sin6_port = htons(port);
	sin6->sin6_scope_id = scope_id;
	return sizeof(*sin6);
}

/* ---- upcalls ---- */

static struct ksock_user *user_of(const struct sock *sk)
{
	void *user = rcu_dereference_protected(__sk_user_data(sk), lockdep_sock_is_held(sk));

	return (struct ksock_user *)((uintptr_t)user & SK_USER_DATA_PTRMASK);
}

static enum ksock_state state_of(int tcp_state)
{
	switch (tcp_state) {
	case TCP_SYN_SENT:
	case TCP_SYN_RECV:
	case TCP_NEW_SYN_RECV:
		return KSOCK_OPENING;
	case TCP_ESTABLISHED:
		return KSOCK_OPEN;
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
		return KSOCK_FIN_SENT;
	case TCP_CLOSE_WAIT:
	case TCP_LAST_ACK:
	case TCP_CLOSING:
	case TCP_TIME_WAIT:
		return KSOCK_FIN_SEEN;
	default:
		return KSOCK_CLOSED;
	}
}

/* No reader sleeps on a data socket, so the original has nobody to wake. */
static void sock_data_ready(struct sock *sk)
{
	struct ksock_user *user = user_of(sk);

	if (user)
		rds_tcp_data_ready(user);
}

/*
 * Nor does a writer. The original would clear SOCK_NOSPACE, and TCP reports acknowledgements only
 * while that is set.
 */
static void sock_write_space(struct sock *sk)
{
	struct ksock_user *user = user_of(sk);

	if (user)
		rds_tcp_write_space(user);
}

/* The original wakes ksock_wait_closed(). */
static void sock_state_change(struct sock *sk)
{
	struct ksock_user *user = user_of(sk);

	if (!user)
		return;
	rds_tcp_state_change(user, state_of(sk->sk_state));
	user->state_change(sk);
}

void ksock_attach(struct socket *sock, struct ksock_user *user)
{
	struct sock *sk = sock->sk;

	sock_owned_by_me(sk);
	write_lock_bh(&sk->sk_callback_lock);
	user->data_ready = sk->sk_data_ready;
	user->write_space = sk->sk_write_space;
	user->state_change = sk->sk_state_change;
	__rcu_assign_sk_user_data_with_flags(sk, user, SK_USER_DATA_NOCOPY);
	sk->sk_data_ready = sock_data_ready;
	sk->sk_write_space = sock_write_space;
	sk->sk_state_change = sock_state_change;
	write_unlock_bh(&sk->sk_callback_lock);
	set_bit(SOCK_NOSPACE, &sock->flags);
}

void ksock_detach(struct socket *sock, struct ksock_user *user)
{
	struct sock *sk = sock->sk;

	sock_owned_by_me(sk);
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_data_ready = user->data_ready;
	sk->sk_write_space = user->write_space;
	sk->sk_state_change = user->state_change;
	rcu_assign_sk_user_data(sk, NULL);
	write_unlock_bh(&sk->sk_callback_lock);
}

/* ---- listening ---- */

/* Also called for children that nobody accepted yet: they inherit it, but not the user data. */
static void listen_data_ready(struct sock *sk)
{
	bool announced = false;
	void *user;

	read_lock_bh(&sk->sk_callback_lock);
	user = rcu_dereference_protected(__sk_user_data(sk),
					 lockdep_is_held(&sk->sk_callback_lock));
	user = (void *)((uintptr_t)user & SK_USER_DATA_PTRMASK);
	if (user && sk->sk_state == TCP_LISTEN) {
		rds_tcp_listen_ready(user);
		announced = true;
	}
	read_unlock_bh(&sk->sk_callback_lock);
	if (!announced)
		default_data_ready(sk);
}

static void listen_prepare(struct socket *sock, void *user)
{
	struct sock *sk = sock->sk;

	tcp_sock_set_nodelay(sk);
	lock_sock(sk);
	sk->sk_reuse = SK_CAN_REUSE;
	/* whatever net.ipv6.bindv6only says: IPv4 peers come here too */
	sk->sk_ipv6only = false;
	write_lock_bh(&sk->sk_callback_lock);
	default_data_ready = sk->sk_data_ready;
	__rcu_assign_sk_user_data_with_flags(sk, user, SK_USER_DATA_NOCOPY);
	sk->sk_data_ready = listen_data_ready;
	write_unlock_bh(&sk->sk_callback_lock);
	release_sock(sk);
}

static int listen_family(struct net *net, int family, u16 port, void *user,
			 struct socket **listener)
{
	struct sockaddr_storage ss;
	struct socket *sock;
	int len, err;

	err = sock_create_kern(net, family, SOCK_STREAM, IPPROTO_TCP, &sock);
	if (err)
		return err;
	listen_prepare(sock, user);
	len = fill_sockaddr(&ss, family, &in6addr_any, port, 0);
	err = kernel_bind(sock, (struct sockaddr *)&ss, len);
	/* there before the first connection can be announced */
	*listener = sock;
	if (!err)
		err = kernel_listen(sock, LISTEN_BACKLOG);
	if (err) {
		ksock_listen_mute(sock);
		*listener = NULL;
		sock_release(sock);
	}
	return err;
}

int ksock_listen(struct net *net, u16 port, void *user, struct socket **listener)
{
	int err = -EAFNOSUPPORT;

#if IS_ENABLED(CONFIG_IPV6)
	if (ipv6_mod_enabled())
		err = listen_family(net, AF_INET6, port, user, listener);
	if (!err)
		return 0;
#endif
	return listen_family(net, AF_INET, port, user, listener);
}

void ksock_listen_mute(struct socket *listener)
{
	struct sock *sk = listener->sk;

	lock_sock(sk);
	write_lock_bh(&sk->sk_callback_lock);
	rcu_assign_sk_user_data(sk, NULL);
	sk->sk_data_ready = default_data_ready;
	write_unlock_bh(&sk->sk_callback_lock);
	release_sock(sk);
}

int ksock_accept(struct socket *listener, struct socket **sock)
{
	struct sock *sk;
	int err;

	err = kernel_accept(listener, sock, O_NONBLOCK);
	if (err)
		return err;
	sk = (*sock)->sk;
	lock_sock(sk);
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_data_ready = default_data_ready;
	write_unlock_bh(&sk->sk_callback_lock);
	release_sock(sk);
	return 0;
}

/* ---- one connection ---- */

int ksock_create(struct net *net, bool v6, struct socket **sock)
{
	int err;

	err = sock_create_kern(net, v6 ? AF_INET6 : AF_INET, SOCK_STREAM, IPPROTO_TCP, sock);
	if (err)
		return err;
	/* the port may be shared by connections to different peers */
	(*sock)->sk->sk_reuse = SK_CAN_REUSE;
	return 0;
}

void ksock_tune(struct socket *sock)
{
	struct sock *sk = sock->sk;
	const struct rds_tcp_sizes *sizes = rds_tcp_sizes_of(sock_net(sk));
	int sndbuf = READ_ONCE(sizes->sndbuf);
	int rcvbuf = READ_ONCE(sizes->rcvbuf);

	tcp_sock_set_nodelay(sk);
	sock_set_keepalive(sk);
	tcp_sock_set_keepcnt(sk, KEEPALIVE_PROBES);
	tcp_sock_set_keepidle(sk, KEEPALIVE_SECONDS);
	tcp_sock_set_keepintvl(sk, KEEPALIVE_SECONDS);
	/* keep-alive sleeps while data is unacknowledged */
	tcp_sock_set_user_timeout(sk, USER_TIMEOUT_MS);
	tcp_sock_set_syncnt(sk, SYN_RETRIES);

	lock_sock(sk);
	if (sndbuf) {
		WRITE_ONCE(sk->sk_sndbuf, sndbuf);
		sk->sk_userlocks |= SOCK_SNDBUF_LOCK;
	}
	if (rcvbuf) {
		WRITE_ONCE(sk->sk_rcvbuf, rcvbuf);
		sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
	}
	release_sock(sk);
}

int ksock_bind(struct socket *sock, const struct in6_addr *addr, u16 port, u32 scope_id)
{
	struct sockaddr_storage ss;
	int len = fill_sockaddr(&ss, sock->sk->sk_family, addr, port, scope_id);

	return kernel_bind(sock, (struct sockaddr *)&ss, len);
}

int ksock_connect(struct socket *sock, const struct in6_addr *addr, u16 port, u32 scope_id)
{
	struct sockaddr_storage ss;
	int len = fill_sockaddr(&ss, sock->sk->sk_family, addr, port, scope_id);
	int err = kernel_connect(sock, (struct sockaddr *)&ss, len, O_NONBLOCK);

	return err == -EINPROGRESS ? 0 : err;
}

void ksock_lock(struct socket *sock)
{
	lock_sock(sock->sk);
}

void ksock_unlock(struct socket *sock)
{
	release_sock(sock->sk);
}

void ksock_assert_locked(const struct socket *sock)
{
#ifdef CONFIG_LOCKDEP
	WARN_ON_ONCE(debug_locks && !lockdep_sock_is_held(sock->sk));
#endif
}

enum ksock_state ksock_get_state(const struct socket *sock)
{
	return state_of(READ_ONCE(sock->sk->sk_state));
}

static bool link_local(const struct in6_addr *addr)
{
	return ipv6_addr_type(addr) & IPV6_ADDR_LINKLOCAL;
}

void ksock_get_names(const struct socket *sock, struct ksock_names *names)
{
	const struct sock *sk = sock->sk;

	memset(names, 0, sizeof(*names));
	names->lport = inet_sk(sk)->inet_sport;
	names->fport = inet_sk(sk)->inet_dport;
	if (sk->sk_family == AF_INET) {
		ipv6_addr_set_v4mapped(inet_sk(sk)->inet_saddr, &names->laddr);
		ipv6_addr_set_v4mapped(inet_sk(sk)->inet_daddr, &names->faddr);
		return;
	}
#if IS_ENABLED(CONFIG_IPV6)
	names->laddr = inet6_sk(sk)->saddr;
	names->faddr = sk->sk_v6_daddr;
	/* an accepted link-local connection knows its interface by one of the two */
	if (link_local(&names->laddr) || link_local(&names->faddr))
		names->if_index = sk->sk_bound_dev_if ?: inet6_sk(sk)->mcast_oif;
#endif
}

u32 ksock_unread(const struct socket *sock)
{
	return tcp_inq(sock->sk);
}

static u32 silent_for(const struct sock *sk)
{
	return tcp_jiffies32 - READ_ONCE(tcp_sk(sk)->rcv_tstamp);
}

bool ksock_in_vain(const struct socket *sock, unsigned long ticks)
{
	return READ_ONCE(inet_csk(sock->sk)->icsk_retransmits) && silent_for(sock->sk) > ticks;
}

bool ksock_answered(const struct socket *sock, unsigned long ticks)
{
	return silent_for(sock->sk) <= ticks;
}

/* A probe goes out when the connection has been idle for the keep-alive time, a second at least. */
void ksock_probe(struct socket *sock, bool fast)
{
	tcp_sock_set_keepidle(sock->sk, fast ? 1 : KEEPALIVE_SECONDS);
}

void ksock_send_fin(struct socket *sock)
{
	kernel_sock_shutdown(sock, SHUT_WR);
}

bool ksock_wait_closed(struct socket *sock, unsigned long ticks)
{
	struct sock *sk = sock->sk;

	wait_event_interruptible_timeout(*sk_sleep(sk), READ_ONCE(sk->sk_state) == TCP_CLOSE,
					 ticks);
	return READ_ONCE(sk->sk_state) == TCP_CLOSE;
}

/* Once its FIN is out, TCP answers data behind this mark with a reset. */
void ksock_refuse_data(struct socket *sock)
{
	sock_owned_by_me(sock->sk);
	WRITE_ONCE(sock->sk->sk_shutdown, sock->sk->sk_shutdown | RCV_SHUTDOWN);
}

/*
 * After close, a connection in FIN_WAIT2 lives on as a time-wait entry, which the namespace
 * cleans up. Any other that is not over would need its own timers, and those stop with close.
 */
static bool ends_by_itself(struct sock *sk)
{
	bool ends;

	lock_sock(sk);
	ends = sk->sk_state == TCP_CLOSE || sk->sk_state == TCP_SYN_SENT ||
	       (sk->sk_state == TCP_FIN_WAIT2 && tcp_fin_time(sk) <= TCP_TIMEWAIT_LEN);
	release_sock(sk);
	return ends;
}

void ksock_release(struct socket *sock)
{
	if (!ends_by_itself(sock->sk))
		sock_no_linger(sock->sk);
	sock_release(sock);
}

void ksock_abort(struct socket *sock)
{
	sock_no_linger(sock->sk);
	sock_release(sock);
}
