/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every test body uses: checks, sockets, threads, and a scenario, which is a fresh fake
 * transport with everything put back at its end. A test is
 *
 *	TEST_CASE(what__is_expected) { scenario s(test); ... }
 *
 * EXPECT lets the case go on, ASSERT leaves it; owners clean up either way.
 */
#pragma once

#include <linux/errno.h>

#include "bench.h"
#include "fake_transport.h"

#define TEST_CASE(name)                                                                            \
	extern "C" void name(kunit *test);                                                         \
	extern "C" void name([[maybe_unused]] kunit *test)

#define EXPECT_AT(cond, text, a, b)                                                                \
	((cond) ? true : (bench_fail(test, __FILE__, __LINE__, text, (a), (b)), false))
#define EXPECT(cond) EXPECT_AT(cond, #cond, 0, 0)
#define EXPECT_EQ(a, b)                                                                            \
	test_equal(test, __FILE__, __LINE__, #a " == " #b, static_cast<long long>(a),              \
		   static_cast<long long>(b))
#define ASSERT(cond)                                                                               \
	do {                                                                                       \
		if (!EXPECT(cond))                                                                 \
			return;                                                                    \
	} while (0)
#define ASSERT_EQ(a, b)                                                                            \
	do {                                                                                       \
		if (!EXPECT_EQ(a, b))                                                              \
			return;                                                                    \
	} while (0)

inline bool test_equal(kunit *test, const char *file, int line, const char *text, long long a,
		       long long b)
{
	if (a != b)
		bench_fail(test, file, line, text, a, b);
	return a == b;
}

constexpr unsigned int patience = 20000; /* ms; a debug kernel under load is slow */

/* Waits until @f() holds. */
template <typename F>
bool eventually(F f, unsigned int ms = patience)
{
	struct call {
		static bool ask(void *arg) { return (*static_cast<F *>(arg))(); }
	};
	return bench_wait(call::ask, &f, ms);
}

/* @f() in a softirq. */
template <typename F>
void in_softirq(F f)
{
	struct call {
		static void run(void *arg) { (*static_cast<F *>(arg))(); }
	};
	bench_softirq(call::run, &f);
}

/* Runs @f in a thread; joins at the end of the scope. */
template <typename F>
class thread : kernel::pinned {
public:
	explicit thread(F f) : m_func(f), m_thread(bench_start(run, this)) {}
	~thread() { join(); }
	bool started() const { return m_thread; }
	void join()
	{
		if (m_thread)
			bench_join(m_thread);
		m_thread = nullptr;
	}

private:
	static void run(void *arg) { static_cast<thread *>(arg)->m_func(); }
	F m_func;
	bench_thread *m_thread;
};

class test_socket : kernel::pinned {
public:
	explicit test_socket(struct net *net = bench_init_net()) : m_sock(bench_socket(net)) {}
	/* Bound to an address of the fake network. */
	test_socket(u32 host, u16 port) : test_socket() { bind(fake_net + host, port); }
	~test_socket() { close(); }
	void close()
	{
		if (m_sock)
			bench_close(m_sock);
		m_sock = nullptr;
	}
	explicit operator bool() const { return m_sock; }
	int bind(u32 addr, u16 port)
	{
		m_bound = m_sock ? bench_bind(m_sock, addr, port) : -ENOMEM;
		return m_bound;
	}
	bool bound() const { return m_sock && !m_bound; }
	u16 port() const { return bench_port(m_sock); }
	long send_to(u32 addr, u16 port, const void *buf, size_t len,
		     int flags = MSG_DONTWAIT_VALUE)
	{
		return bench_send(m_sock, addr, port, buf, len, flags);
	}
	long send(u32 host, u16 port, const void *buf, size_t len, int flags = MSG_DONTWAIT_VALUE)
	{
		return send_to(fake_net + host, port, buf, len, flags);
	}
	long recv(void *buf, size_t len, bench_from *from = nullptr, int flags = MSG_DONTWAIT_VALUE)
	{
		return bench_recv(m_sock, buf, len, flags, from);
	}
	/* Waits for a message, as long as we are patient. */
	long recv_wait(void *buf, size_t len, bench_from *from = nullptr)
	{
		timeouts(patience);
		return bench_recv(m_sock, buf, len, 0, from);
	}
	void buffers(u32 send_limit, u32 recv_limit)
	{
		bench_buffers(m_sock, send_limit, recv_limit);
	}
	void timeouts(unsigned int ms) { bench_timeouts(m_sock, ms); }
	int option(int name, int value)
	{
		return bench_option(m_sock, name, &value, sizeof(value));
	}
	/* RDS_CANCEL_SENT_TO */
	int cancel(u32 host, u16 port);
	rds_sock *rds() const { return bench_rds(m_sock); }
	struct socket *raw() const { return m_sock; }
	/* Somebody sleeps in a call of it: what happens from now on wakes him. */
	bool has_waiter() const
	{
		return eventually([&] { return bench_has_waiter(m_sock); });
	}

private:
	struct socket *m_sock;
	int m_bound = -1;
};

/* A gate in a hook: who comes waits until it is opened. */
struct gate {
	bool closed = false;
	u32 waiting = 0;

	void pass()
	{
		if (!kernel::read_once(closed))
			return;
		kernel::add_return(waiting, 1u);
		bench_wake();
		/* longer than anybody waits for what is on the other side */
		bench_wait_woken(
			[](void *g) { return !kernel::read_once(static_cast<gate *>(g)->closed); },
			this, 6 * patience);
		kernel::add_return(waiting, ~0u);
	}
	bool reached(u32 by = 1)
	{
		return eventually([&] { return kernel::read_once(waiting) >= by; });
	}
	void close() { kernel::write_once(closed, true); }
	void open()
	{
		kernel::write_once(closed, false);
		bench_wake();
	}
};

/* A lane, with a reference of its peer. */
class lane_ref : kernel::pinned {
public:
	/* From fake address @laddr to @faddr; made when it is not there. */
	lane_ref(fake_transport *fake, u32 laddr, u32 faddr);
	~lane_ref()
	{
		if (m_peer)
			rds_conn_put(get());
	}
	explicit operator bool() const { return m_peer; }
	rds_lane *get() const { return &m_peer->lane0; }
	rds_lane *operator->() const { return get(); }
	int error() const { return m_err; }

private:
	int m_err = 0;
	rds_peer *m_peer;
};

/* A registered fake transport; tunables and counts are as before when it ends. */
class scenario : kernel::pinned {
public:
	explicit scenario(kunit *test);
	~scenario();
	explicit operator bool() const { return m_fake && !m_err; }
	fake_transport *operator->() const { return m_fake; }
	fake_transport *fake() const { return m_fake; }
	/* The transport goes; the scenario's end then only checks. */
	void unregister();

private:
	kunit *test;
	fake_transport *m_fake;
	int m_err;
	bool m_registered;
	struct rds_tunables m_tunables;
};

#define SCENARIO(name)                                                                             \
	scenario name(test);                                                                       \
	ASSERT(name)

/* Lengths of the lane's lists. */
u32 queued_on(rds_lane *lane);
u32 unacked_on(rds_lane *lane);
/* Sum of a counter over all CPUs. */
u64 stat_of(rds_stat which);

/* Payload that tells its place: @seed names the message. */
void fill_pattern(u8 *to, u32 len, u32 seed);
bool check_pattern(const u8 *from, u32 len, u32 seed);

/* A small numbered message, for tests of order. */
struct numbered {
	u32 sender;
	u32 number;
};

inline long send_number(test_socket &s, u32 host, u16 port, u32 number, u32 sender = 0,
			int flags = MSG_DONTWAIT_VALUE)
{
	numbered n{sender, number};
	return s.send(host, port, &n, sizeof(n), flags);
}

/* Next message is @number. */
bool expect_number(kunit *test, test_socket &s, u32 number, int line);
#define EXPECT_NUMBER(s, n) expect_number(test, s, n, __LINE__)
/* Nothing to read. */
#define EXPECT_EMPTY(s)                                                                            \
	do {                                                                                       \
		numbered none;                                                                     \
		EXPECT_EQ((s).recv(&none, sizeof(none)), -EAGAIN);                                 \
	} while (0)

/* Memory for a payload, for a scope. */
class buffer : kernel::pinned {
public:
	explicit buffer(u32 len) : m_p(static_cast<u8 *>(kernel_big_zalloc(len ? len : 1))) {}
	~buffer() { kernel_big_free(m_p); }
	explicit operator bool() const { return m_p; }
	u8 *get() const { return m_p; }
	u8 &operator[](u32 i) const { return m_p[i]; }

private:
	u8 *m_p;
};
