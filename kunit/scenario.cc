// SPDX-License-Identifier: GPL-2.0
/* The parts of test.h that are not inline. Called by test bodies, process context. */
#include "test.h"
#include "rds_abi.h"

int test_socket::cancel(u32 host, u16 port)
{
	struct {
		u16 family;
		__be16 port;
		__be32 addr;
		u8 zero[8];
	} name{AF_INET_VALUE, kernel::be16(port).raw(), kernel::be32(fake_net + host).raw(), {}};
	return bench_option(m_sock, RDS_CANCEL_SENT_TO, &name, sizeof(name));
}

lane_ref::lane_ref(fake_transport *fake, u32 laddr, u32 faddr)
{
	in6_addr l = fake_addr(laddr), f = fake_addr(faddr);
	m_peer = rds_peer_find_or_create(rds_net_of(bench_init_net()), &l, &f, &fake->trans, 0, 0,
					 &m_err);
}

scenario::scenario(kunit *t)
    : test(t),
      m_fake(kernel::make<fake_transport>(kernel::gfp_kernel)),
      m_err(-ENOMEM),
      m_registered(false),
      m_tunables(rds_tunables)
{
	rds_tunables.lanes = rds_tunables.lanes_unnamed = RDS_MPATH_WORKERS;
	if (m_fake)
		m_err = rds_trans_register(&m_fake->trans);
	m_registered = !m_err;
}

void scenario::unregister()
{
	u32 before = fake_exits();
	rds_trans_unregister(&m_fake->trans);
	EXPECT_EQ(fake_exits() - before, 1);
	m_registered = false;
}

scenario::~scenario()
{
	rds_tunables = m_tunables;
	if (!m_fake)
		return;
	if (m_registered)
		unregister();
	m_fake->forget_frames();
	/* their frames and incomings held peers */
	kernel_rcu_barrier();
	if (m_fake->violations)
		bench_fail(test, __FILE__, __LINE__, m_fake->violation, m_fake->violations, 0);
	EXPECT_EQ(m_fake->allocs, m_fake->frees);
	EXPECT_EQ(m_fake->incs, 0);
	EXPECT(m_fake->conns.empty());
	kernel::destroy(m_fake);
}

static u32 count(rds_lane *lane, rds_lane::message_list &list)
{
	u32 n = 0;
	kernel::guard hold(lane->c_lock);
	list.each([&](rds_message *) { n++; });
	return n;
}

u32 queued_on(rds_lane *lane)
{
	return count(lane, lane->c_send);
}

u32 unacked_on(rds_lane *lane)
{
	return count(lane, lane->c_retrans);
}

u64 stat_of(rds_stat which)
{
	return kernel_stats_sum(rds_stats, which);
}

static u8 pattern(u32 at, u32 seed)
{
	u32 x = (at + 1) * 2654435761u ^ seed * 40503u;
	return static_cast<u8>(x >> 13);
}

void fill_pattern(u8 *to, u32 len, u32 seed)
{
	for (u32 i = 0; i < len; i++)
		to[i] = pattern(i, seed);
}

bool check_pattern(const u8 *from, u32 len, u32 seed)
{
	for (u32 i = 0; i < len; i++)
		if (from[i] != pattern(i, seed))
			return false;
	return true;
}

bool expect_number(kunit *test, test_socket &s, u32 number, int line)
{
	numbered n{};
	long len = s.recv_wait(&n, sizeof(n));
	if (len != sizeof(n)) {
		bench_fail(test, __FILE__, line, "length of a numbered message", len, sizeof(n));
		return false;
	}
	if (n.number != number)
		bench_fail(test, __FILE__, line, "number of the next message", n.number, number);
	return n.number == number;
}
