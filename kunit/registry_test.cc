// SPDX-License-Identifier: GPL-2.0
/* Suite rds_registry: what may register, and that nothing is left when it goes. Process context. */
#include "test.h"
#include "rds_abi.h"

namespace {

constexpr u16 from_port = 1000, to_port = 2000;

int register_as(fake_transport *f, u32 number, const char *build)
{
	return __rds_trans_register(&f->trans, number, build);
}

/* A transport that is not registered by the scenario. */
struct second {
	fake_transport *f = kernel::make<fake_transport>(kernel::gfp_kernel);
	~second() { kernel::destroy(f); }
	rds_transport *trans() { return &f->trans; }
};

} // namespace

/* X16: the loser's exit must not take the winner's place away. */
TEST_CASE(register__another_of_the_type)
{
	SCENARIO(s);
	second loser;
	ASSERT(loser.f);
	EXPECT_EQ(rds_trans_register(loser.trans()), -EEXIST);
	EXPECT_EQ(rds_trans_register(&s->trans), -EEXIST);
	u32 exits = fake_exits();
	rds_trans_unregister(loser.trans());
	EXPECT_EQ(fake_exits(), exits);
	test_socket a(1, from_port);
	EXPECT(a.bound());
	loser.trans()->t_type = 1;
	EXPECT_EQ(rds_trans_register(loser.trans()), 0);
	rds_trans_unregister(loser.trans());
	EXPECT_EQ(fake_exits(), exits + 1);
	rds_trans_unregister(loser.trans());
	EXPECT_EQ(fake_exits(), exits + 1);
}

TEST_CASE(register__other_build)
{
	second t;
	ASSERT(t.f);
	EXPECT_EQ(register_as(t.f, RDS_TRANSPORT_INTERFACE + 1, RDS_ABI_HASH), -ENOEXEC);
	EXPECT_EQ(register_as(t.f, RDS_TRANSPORT_INTERFACE - 1, RDS_ABI_HASH), -ENOEXEC);
	EXPECT_EQ(register_as(t.f, RDS_TRANSPORT_INTERFACE, "0123456789abcdef"), -ENOEXEC);
	EXPECT_EQ(register_as(t.f, RDS_TRANSPORT_INTERFACE, ""), -ENOEXEC);
	EXPECT_EQ(register_as(t.f, RDS_TRANSPORT_INTERFACE, nullptr), -ENOEXEC);
	EXPECT(!rds_trans_get(fake_type));
}

TEST_CASE(register__incomplete)
{
#define WITHOUT(member)                                                                            \
	do {                                                                                       \
		second t;                                                                          \
		ASSERT(t.f);                                                                       \
		t.trans()->member = nullptr;                                                       \
		EXPECT_AT(rds_trans_register(t.trans()) == -EINVAL, "without " #member, 0, 0);     \
	} while (0)
	WITHOUT(laddr_check);
	WITHOUT(conn_alloc);
	WITHOUT(conn_free);
	WITHOUT(conn_connect);
	WITHOUT(conn_shutdown);
	WITHOUT(xmit);
	WITHOUT(recv);
	WITHOUT(inc_copy_to_user);
	WITHOUT(inc_free);
#undef WITHOUT
	/* X12: memory regions need their friends */
	second t;
	ASSERT(t.f);
	t.trans()->get_mr = [](struct scatterlist *, unsigned long, rds_sock *, u32 *) -> void * {
		return nullptr;
	};
	EXPECT_EQ(rds_trans_register(t.trans()), -EINVAL);
	t.trans()->free_mr = [](void *, int) {};
	EXPECT_EQ(rds_trans_register(t.trans()), -EINVAL);
	t.trans()->sync_mr = [](void *, int) {};
	EXPECT_EQ(rds_trans_register(t.trans()), 0);
	rds_trans_unregister(t.trans());
	/* what is optional may be absent */
	second bare;
	ASSERT(bare.f);
	bare.trans()->xmit_prepare = bare.trans()->xmit_complete = nullptr;
	bare.trans()->xmit_rdma = nullptr;
	bare.trans()->xmit_atomic = nullptr;
	bare.trans()->exit = nullptr;
	EXPECT_EQ(rds_trans_register(bare.trans()), 0);
	rds_trans_unregister(bare.trans());
}

TEST_CASE(register__bad_name_or_type)
{
	second t;
	ASSERT(t.f);
	t.trans()->t_type = RDS_TRANS_LOOP + 1;
	EXPECT_EQ(rds_trans_register(t.trans()), -EINVAL);
	t.trans()->t_type = ~0u;
	EXPECT_EQ(rds_trans_register(t.trans()), -EINVAL);
	t.trans()->t_type = fake_type;
	__builtin_memset(t.trans()->t_name, 'x', TRANSNAMSIZ);
	EXPECT_EQ(rds_trans_register(t.trans()), -EINVAL);
	t.trans()->t_name[0] = 0;
	EXPECT_EQ(rds_trans_register(t.trans()), -EINVAL);
	__builtin_memset(t.trans()->t_name, 'x', TRANSNAMSIZ);
	t.trans()->t_name[TRANSNAMSIZ - 1] = 0;
	EXPECT_EQ(rds_trans_register(t.trans()), 0);
	rds_trans_unregister(t.trans());
}

TEST_CASE(unregister__exit_once)
{
	SCENARIO(s);
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	rds_conn_connect_if_down(lane.get());
	ASSERT(eventually([&] { return lane->up(); }));
	s.unregister(); /* expects one */
	u32 exits = fake_exits();
	rds_trans_unregister(&s->trans);
	EXPECT_EQ(fake_exits(), exits);
	EXPECT_EQ(s->allocs, s->frees);
}

/* Senders, receivers and drops go on while the transport goes: everybody gets an answer. */
TEST_CASE(unregister__under_traffic)
{
	for (u32 round = 0; round < 8; round++) {
		SCENARIO(s);
		s->on_xmit = [](fake_transport *, rds_connection *, rds_message *, bool *) {
			bench_yield();
			return 0;
		};
		test_socket to(2, to_port), one(1, from_port), two(1, from_port + 1);
		ASSERT(to.bound() && one.bound() && two.bound());
		bool done = false;
		auto traffic = [&](test_socket &from) {
			for (u32 i = 0; !kernel::read_once(done); i++) {
				long ret = send_number(from, 2 + i % 5, to_port, i);
				if (ret == -ENETDOWN)
					return;
				if (ret == -EAGAIN || ret == -ENOBUFS)
					bench_yield();
				else
					EXPECT_EQ(ret, sizeof(numbered));
			}
		};
		{
			thread a([&] { traffic(one); });
			thread b([&] { traffic(two); });
			thread c([&] {
				numbered n;
				while (!kernel::read_once(done))
					if (to.recv(&n, sizeof(n)) == -EAGAIN)
						bench_yield();
			});
			u32 want = 20 + round * 7;
			eventually([&] { return kernel::read_once(s->nr_frames) >= want; });
			s.unregister();
			kernel::write_once(done, true);
		}
	}
}

TEST_CASE(unregister__sockets_stay)
{
	SCENARIO(s);
	test_socket from(1, from_port), to(2, to_port), fresh;
	ASSERT(from.bound() && to.bound() && fresh);
	s->room = 0;
	EXPECT_EQ(send_number(from, 2, to_port, 1), sizeof(numbered));
	EXPECT_EQ(from.rds()->snd_bytes, rds_charge(sizeof(numbered)));
	s.unregister();
	/* what was queued is gone and given back; the names stay taken */
	EXPECT_EQ(from.rds()->snd_bytes, 0);
	EXPECT_EQ(send_number(from, 2, to_port, 2), -ENETDOWN);
	EXPECT_EQ(fresh.bind(fake_net + 1, 1), -EADDRNOTAVAIL);
	EXPECT_EMPTY(to);
	EXPECT_EQ(from.cancel(2, to_port), 0);
}

/* Their payload is the transport's: nobody may call its hooks any more. */
TEST_CASE(unregister__unread_messages)
{
	SCENARIO(s);
	test_socket from(1, from_port), to(2, to_port);
	ASSERT(from.bound() && to.bound());
	for (u32 i = 0; i < 5; i++)
		EXPECT_EQ(send_number(from, 2, to_port, i), sizeof(numbered));
	ASSERT(eventually([&] { return kernel::read_once(to.rds()->rcv_count) == 5; }));
	s.unregister();
	EXPECT_EQ(s->incs, 0);
	EXPECT_EMPTY(to);
	EXPECT_EQ(to.rds()->rcv_bytes, 0);
}

TEST_CASE(alloc__errno_of_the_transport)
{
	SCENARIO(s);
	test_socket from(1, from_port);
	ASSERT(from.bound());
	const int errnos[] = {-ENOMEM, -ENODEV, -ENETUNREACH};
	for (int err : errnos) {
		s->alloc_errno = err;
		EXPECT_EQ(send_number(from, 2, to_port, 0), err);
	}
	EXPECT_EQ(from.rds()->snd_bytes, 0);
	s->alloc_errno = 0;
	EXPECT_EQ(send_number(from, 2, to_port, 0), sizeof(numbered));
}
