// SPDX-License-Identifier: GPL-2.0
/*
 * The bodies of the conformance suite: traffic through the front door (sockets), and drops through
 * the back door (rds_conn_drop). Only the contract of include/rds/transport.h is assumed. Process
 * context, no locks.
 */
#include "transport_conformance.h"

namespace {

constexpr u16 near_port = 4000, far_port = 5000;
constexpr u32 large = 1024 * 1024;

/* Loopback, the fake network, and that of tests/transport-example; two of each. */
constexpr u32 known[][2] = {
	{0x7f000001, 0x7f000002},
	{fake_net + 1, fake_net + 2},
	{0x0a620001, 0x0a620002},
};

bool serves(rds_transport *trans, u32 addr)
{
	in6_addr a = rds::addr_mapped(kernel::be32(addr).raw());
	if (trans->t_type == RDS_TRANS_LOOP)
		return rds::addr_is_loopback(a);
	return rds_trans_serves(trans, rds_net_of(bench_init_net()), &a, 0);
}

/* Two bound sockets of the transport, with room for large messages. */
struct ends {
	conforming &c;
	test_socket near, far;
	explicit ends(conforming &conf, u16 offset = 0)
	    : c(conf), near(conf.near.net), far(conf.far.net)
	{
		if (bind(near, c.near.addr, near_port + offset))
			bind(far, c.far.addr, far_port + offset);
	}
	bool bind(test_socket &sock, u32 addr, u16 port)
	{
		kunit *test = c.test;
		if (!EXPECT(sock))
			return false;
		if (c.trans->t_type != RDS_TRANS_LOOP &&
		    !EXPECT_EQ(sock.option(SO_RDS_TRANSPORT, c.trans->t_type), 0))
			return false;
		sock.buffers(4 * large, 16 * large);
		return EXPECT_EQ(sock.bind(addr, port), 0);
	}
	bool ok() const { return near.bound() && far.bound(); }
	long send(const void *data, u32 len)
	{
		near.timeouts(patience);
		return near.send_to(c.far.addr, far.port(), data, len, 0);
	}
};

#define ENDS(name)                                                                                 \
	kunit *test = c.test;                                                                      \
	ends name(c);                                                                              \
	ASSERT(name.ok())

/* All lanes of the transport, dropped. */
bool drop_lane(rds_peer *p, void *trans)
{
	if (p->lane0.c_trans == trans)
		rds_conn_drop(&p->lane0);
	return true;
}

void drop_all(conforming &c)
{
	c.each_net([&](struct net *net) { rds_peer_each(rds_net_of(net), drop_lane, c.trans); });
}

bool all_acked(test_socket &sock)
{
	return eventually([&] { return !kernel::read_once(sock.rds()->snd_bytes); });
}

} // namespace

conforming::conforming(kunit *t, unsigned int type)
    : test(t), trans(rds_trans_get(type)), near{bench_init_net(), 0}, far{bench_init_net(), 0}
{
	for (auto &pair : known) {
		if (!trans || far.addr || !serves(trans, pair[0]) || !serves(trans, pair[1]))
			continue;
		near.addr = pair[0];
		far.addr = pair[1];
	}
	if (!far.addr)
		bench_skip(test, "no such transport, or it serves no address that we know");
}

conforming::conforming(kunit *t, unsigned int type, conforming_end n, conforming_end f)
    : test(t), trans(rds_trans_get(type)), near(n), far(f)
{
	if (!trans)
		bench_skip(test, "no such transport");
}

conforming::~conforming()
{
	if (*this)
		each_net([&](struct net *net) { rds_peer_destroy_all(rds_net_of(net), trans); });
	rds_trans_put(trans);
}

void conform_sizes_in_order(conforming &c)
{
	ENDS(e);
	buffer out(large), in(large);
	ASSERT(out && in);
	const u32 sizes[] = {0, 1, 47, 48, 49, 4095, 4096, 4097, 65536, 100000, large};
	for (u32 size : sizes) {
		fill_pattern(out.get(), size, size);
		ASSERT_EQ(e.send(out.get(), size), size);
	}
	for (u32 size : sizes) {
		bench_from from{};
		ASSERT_EQ(e.far.recv_wait(in.get(), large, &from), size);
		EXPECT(check_pattern(in.get(), size, size));
		EXPECT_EQ(from.addr, c.near.addr);
		EXPECT_EQ(from.port, near_port);
	}
	EXPECT_EMPTY(e.far);
	EXPECT(all_acked(e.near));
}

void conform_both_ways(conforming &c)
{
	ENDS(e);
	for (u32 i = 0; i < 50; i++) {
		numbered n{0, i};
		ASSERT_EQ(e.near.send_to(c.far.addr, far_port, &n, sizeof(n), 0), sizeof(n));
		ASSERT_EQ(e.far.send_to(c.near.addr, near_port, &n, sizeof(n), 0), sizeof(n));
	}
	for (u32 i = 0; i < 50; i++) {
		ASSERT(EXPECT_NUMBER(e.far, i));
		ASSERT(EXPECT_NUMBER(e.near, i));
	}
	EXPECT(all_acked(e.near) && all_acked(e.far));
}

void conform_many_senders(conforming &c)
{
	constexpr u32 senders = 4, each = 100;
	ENDS(e);
	auto send_all = [&](u32 me) {
		ends mine(c, 1 + me);
		mine.near.timeouts(patience);
		for (u32 i = 0; mine.ok() && i < each; i++) {
			numbered n{me, i};
			EXPECT_EQ(mine.near.send_to(c.far.addr, far_port, &n, sizeof(n), 0),
				  sizeof(n));
		}
		EXPECT(all_acked(mine.near));
	};
	u32 next[senders] = {};
	{
		thread a([&] { send_all(0); });
		thread b([&] { send_all(1); });
		thread d([&] { send_all(2); });
		thread f([&] { send_all(3); });
		for (u32 i = 0; i < senders * each; i++) {
			numbered n{};
			ASSERT_EQ(e.far.recv_wait(&n, sizeof(n)), sizeof(n));
			ASSERT(n.sender < senders);
			ASSERT_EQ(n.number, next[n.sender]++);
		}
	}
	EXPECT_EMPTY(e.far);
}

/* The connection is lost again and again: every message arrives, once, in order, as it was. */
void conform_drop_in_the_middle(conforming &c)
{
	constexpr u32 many = 120;
	ENDS(e);
	buffer out(65536), in(65536);
	ASSERT(out && in);
	bool done = false;
	u32 got = 0;
	auto size_of = [](u32 i) { return i * 7919 % 65537; };
	/* every other time it waits until something was moved: not all end while they are being made */
	thread breaker([&] {
		for (u32 i = 0; !kernel::read_once(done); i++) {
			u32 seen = kernel::read_once(got);
			eventually(
				[&] {
					return kernel::read_once(got) > seen + 7 ||
					       kernel::read_once(done);
				},
				i % 2 ? 2000 : 200);
			drop_all(c);
		}
	});
	thread sender([&] {
		for (u32 i = 0; i < many; i++) {
			fill_pattern(out.get(), size_of(i), i);
			if (!EXPECT_EQ(e.send(out.get(), size_of(i)), size_of(i)))
				return;
		}
	});
	for (; got < many; got++) {
		u32 size = size_of(got);
		if (!EXPECT_EQ(e.far.recv_wait(in.get(), 65536), size) ||
		    !EXPECT(check_pattern(in.get(), size, got)))
			break;
		bench_wake();
	}
	kernel::write_once(done, true);
	bench_wake();
	sender.join();
	breaker.join();
	EXPECT_EQ(got, many);
	EXPECT(all_acked(e.near));
	EXPECT_EMPTY(e.far);
}

/* Also where nothing was ever connected: called by the core's destroy, and here. */
void conform_shutdown_idempotent(conforming &c)
{
	ENDS(e);
	rds_net *rn = rds_net_of(c.near.net);
	in6_addr l = rds::addr_mapped(kernel::be32(c.near.addr).raw());
	in6_addr f = rds::addr_mapped(kernel::be32(c.far.addr).raw());
	for (u32 i = 0; i < 10; i++) {
		int err = 0;
		rds_peer *p = rds_peer_find_or_create(rn, &l, &f, c.trans, 0, 0, &err);
		ASSERT(p);
		if (i % 2) {
			rds_conn_connect_if_down(&p->lane0);
			eventually([&] { return p->lane0.up(); }, 20 * (i / 2));
		}
		for (u32 n = 0; n < i % 4; n++) {
			rds_conn_drop(&p->lane0);
			bench_yield();
		}
		rds_peer_destroy(p);
		EXPECT_EQ(p->lane0.state(), RDS_CONN_DOWN);
		rds_conn_put(&p->lane0);
	}
	numbered n{0, 3};
	EXPECT_EQ(e.send(&n, sizeof(n)), sizeof(n));
	EXPECT_NUMBER(e.far, 3);
}

/* X2 */
void conform_ping(conforming &c)
{
	ENDS(e);
	bench_from from{};
	u8 none[1];
	const u32 targets[] = {c.far.addr, c.near.addr}; /* also itself */
	for (u32 target : targets) {
		ASSERT_EQ(e.near.send_to(target, RDS_PING_PORT, nullptr, 0, 0), 0);
		ASSERT_EQ(e.near.recv_wait(none, sizeof(none), &from), 0);
		EXPECT_EQ(from.addr, target);
		EXPECT_EQ(from.port, RDS_PING_PORT);
	}
}

/* A slow reader: its sender is held up in the end, and goes on when it reads (X1). */
void conform_congestion(conforming &c)
{
	ENDS(e);
	buffer data(65536);
	ASSERT(data);
	e.far.buffers(0, 65536);
	u32 sent = 0, got = 0;
	long ret = 0;
	e.near.timeouts(200);
	while (sent < 2000 &&
	       (ret = e.near.send_to(c.far.addr, far_port, data.get(), 65536, 0)) == 65536)
		sent++;
	EXPECT_EQ(ret, -ETIMEDOUT);
	ASSERT(sent < 2000);
	while (e.far.recv(data.get(), 65536) == 65536)
		got++;
	ASSERT(eventually([&] {
		while (e.far.recv(data.get(), 65536) == 65536)
			got++;
		return got >= sent;
	}));
	EXPECT_EQ(got, sent);
	/* and it goes on; the news that there is room may still be on its way */
	ASSERT_EQ(e.send(data.get(), 65536), 65536);
	EXPECT_EQ(e.far.recv_wait(data.get(), 65536), 65536);
}

void conform_references(conforming &c)
{
	kunit *test = c.test;
	struct module *owner = c.trans->t_owner;
	int before = bench_module_refs(owner);
	for (u32 i = 0; i < 5; i++) {
		ends e(c);
		ASSERT(e.ok());
		if (owner)
			EXPECT_EQ(bench_module_refs(owner), before + 2);
		numbered n{0, i};
		EXPECT_EQ(e.send(&n, sizeof(n)), sizeof(n));
		EXPECT(all_acked(e.near)); /* or it might come to the next one of that name */
		if (i % 2) /* else it stays unread */
			EXPECT_NUMBER(e.far, i);
	}
	EXPECT_EQ(bench_module_refs(owner), before);
}

void conform_collected_and_again(conforming &c)
{
	ENDS(e);
	for (u32 i = 0; i < 10; i++) {
		numbered n{0, i};
		ASSERT_EQ(e.send(&n, sizeof(n)), sizeof(n));
		ASSERT(EXPECT_NUMBER(e.far, i));
		ASSERT(all_acked(e.near));
		/* one end, the other, both */
		if (i % 3 != 1)
			rds_conn_destroy_net(c.trans, c.near.net);
		if (i % 3 != 0)
			rds_conn_destroy_net(c.trans, c.far.net);
	}
}
