// SPDX-License-Identifier: GPL-2.0
/*
 * Suite rds_zcopy: the pages of a zero-copy send are held exactly as long as the message is, on
 * every path, and each accepted message is reported once. CVE-2026-43494, CVE-2026-43502,
 * CVE-2023-1078. What RLIMIT_MEMLOCK says is for user space (tests/programs).
 */
#include "test.h"

namespace {

constexpr u16 from_port = 1000, to_port = 2000;
constexpr u32 far = 9;
constexpr size_t control_room = 256;

class own_pages : kernel::pinned {
public:
	explicit own_pages(u32 nr) : m_p(bench_pages_make(nr)) {}
	~own_pages()
	{
		if (m_p)
			bench_pages_free(m_p);
	}
	explicit operator bool() const { return m_p; }
	bench_pages *get() const { return m_p; }
	u8 *at(u32 i) const { return static_cast<u8 *>(bench_page(m_p, i)); }
	u32 held() const { return bench_pages_held(m_p); }

private:
	bench_pages *m_p;
};

/* A socket that may send its own pages. */
struct sender : test_socket {
	explicit sender(scenario &s) : test_socket(1, from_port)
	{
		s->trans.t_zerocopy = 1;
		if (*this)
			bench_zerocopy(raw(), true);
	}
	long send_pages(own_pages &p, u32 off, u32 len, u32 cookie, u32 host = 2,
			int flags = MSG_DONTWAIT_VALUE)
	{
		alignas(8) u8 control[control_room];
		bench_message m{};
		m.addr = fake_net + host;
		m.port = to_port;
		m.flags = flags | MSG_ZEROCOPY_VALUE;
		m.pages = p.get();
		m.off = off;
		m.len = len;
		m.control = control;
		m.control_len = bench_control_add(control, 0, SOL_RDS, RDS_CMSG_ZCOPY_COOKIE,
						  &cookie, sizeof(cookie));
		return bench_sendmsg(raw(), &m);
	}
	/* The oldest record of completions. Return: what recvmsg says. */
	long reap(rds_zcopy_cookies &got, size_t room = control_room)
	{
		alignas(8) u8 control[control_room];
		bench_message m{};
		m.flags = MSG_DONTWAIT_VALUE;
		m.control = control;
		m.control_len = room;
		got = {};
		long n = bench_recvmsg(raw(), &m);
		if (n < 0)
			return n;
		auto *z = static_cast<const rds_zcopy_cookies *>(bench_control_find(
			control, m.control_len, SOL_RDS, RDS_CMSG_ZCOPY_COMPLETION));
		if (z)
			got = *z;
		return n;
	}
	bool reports(u32 cookie)
	{
		rds_zcopy_cookies got;
		return !reap(got) && got.num == 1 && got.cookies[0] == cookie;
	}
	bool nothing_to_reap()
	{
		rds_zcopy_cookies got;
		return reap(got) == -EAGAIN;
	}
};

/* A sender to a peer that is not there: what is sent stays under way until @s acknowledges. */
struct far_sender {
	scenario &s;
	sender from;
	lane_ref lane;

	explicit far_sender(scenario &scene) : s(scene), from(scene), lane(scene.fake(), 1, far)
	{
		s->deliver = s->ack = false;
	}
	bool ok() { return from.bound() && lane; }
	long send(own_pages &p, u32 cookie, u32 off = 0, u32 len = PAGE_BYTES)
	{
		return from.send_pages(p, off, len, cookie, far);
	}
	void ack(u64 upto) { rds_send_drop_acked(lane.get(), upto, nullptr); }
	u64 last() const { return kernel::read_once(lane->c_tx.next) - 1; }
	/* As a transport that needs its pages does. Counted; null: none is under way. */
	rds_message *hold_newest()
	{
		rds_message *rm = nullptr;
		kernel::guard hold(lane->c_lock);
		/* a probe may stand before it */
		lane->c_retrans.each([&](rds_message *m) { rm = m->m_zcopy ? m : rm; });
		if (rm)
			rds_message_addref(rm);
		return rm;
	}
	bool all_sent(u32 messages)
	{
		return eventually([&] {
			return unacked_on(lane.get()) >= messages && !queued_on(lane.get()) &&
			       !kernel::read_once(lane->c_xmit_rm);
		});
	}
};

} // namespace

TEST_CASE(zcopy__pages_go_out_and_come_back)
{
	constexpr u32 nr = 40;
	own_pages p(nr);
	buffer in(nr * PAGE_BYTES);
	ASSERT(p && in);
	for (u32 i = 0; i < nr; i++)
		fill_pattern(p.at(i), PAGE_BYTES, i);
	SCENARIO(s);
	sender from(s);
	test_socket to(2, to_port);
	ASSERT(from.bound() && to.bound());
	from.buffers(1 << 20, 0);
	to.buffers(0, 1 << 20);
	/* from the middle of a page to the middle of another, and within one */
	constexpr struct {
		u32 off, len;
	} parts[] = {{0, nr * PAGE_BYTES},
		     {100, 20 * PAGE_BYTES},
		     {PAGE_BYTES - 1, 2},
		     {5 * PAGE_BYTES, 1},
		     {17, PAGE_BYTES}};
	u32 cookie = 0;
	for (auto &part : parts) {
		EXPECT_EQ(from.send_pages(p, part.off, part.len, ++cookie), part.len);
		EXPECT_EQ(to.recv_wait(in.get(), nr * PAGE_BYTES), part.len);
		bool same = true;
		for (u32 i = 0; i < part.len; i++) {
			u32 at = part.off + i;
			same &= in[i] == p.at(at / PAGE_BYTES)[at % PAGE_BYTES];
		}
		EXPECT(same);
		EXPECT(eventually([&] { return !p.held(); }));
		EXPECT(from.reports(cookie));
	}
	EXPECT(from.nothing_to_reap());
	EXPECT_EQ(from.rds()->snd_bytes, 0);
}

/* The oldest record is filled up to eight, then each is one of its own (socket.md 9). */
TEST_CASE(zcopy__completions_are_batched)
{
	constexpr u32 messages = 11;
	own_pages p(1);
	ASSERT(p);
	SCENARIO(s);
	far_sender w(s);
	ASSERT(w.ok());
	for (u32 i = 1; i <= messages; i++)
		EXPECT_EQ(w.send(p, 100 + i, 0, 64), 64);
	ASSERT(w.all_sent(messages));
	EXPECT(w.from.nothing_to_reap());
	EXPECT_EQ(bench_poll(w.from.raw()) & POLLIN_BITS, 0);
	w.ack(w.last());
	EXPECT_EQ(bench_poll(w.from.raw()) & POLLIN_BITS, POLLIN_BITS);
	EXPECT_EQ(p.held(), 0);
	rds_zcopy_cookies got;
	EXPECT_EQ(w.from.reap(got), 0);
	EXPECT_EQ(got.num, 8);
	for (u32 i = 0; i < 8; i++)
		EXPECT_EQ(got.cookies[i], 101 + i);
	for (u32 i = 109; i <= 100 + messages; i++)
		EXPECT(w.from.reports(i));
	EXPECT(w.from.nothing_to_reap());
}

/* A transport, or an unread loopback message, may need the pages for longer than the queue. */
TEST_CASE(zcopy__who_else_holds_the_message)
{
	own_pages p(1);
	ASSERT(p);
	SCENARIO(s);
	far_sender w(s);
	ASSERT(w.ok());
	EXPECT_EQ(w.send(p, 7), PAGE_BYTES);
	ASSERT(w.all_sent(1));
	rds_message *rm = w.hold_newest();
	ASSERT(rm);
	w.ack(w.last());
	EXPECT(w.from.nothing_to_reap());
	EXPECT_EQ(p.held(), 1);
	EXPECT_EQ(w.from.rds()->snd_bytes, 0);
	in_softirq([&] { rds_message_put(rm); });
	EXPECT_EQ(p.held(), 0);
	EXPECT(w.from.reports(7));
}

TEST_CASE(zcopy__refused_sends_report_nothing)
{
	own_pages p(4);
	buffer map(RDS_CONG_MAP_BYTES);
	ASSERT(p && map);
	SCENARIO(s);
	far_sender w(s);
	ASSERT(w.ok());
	w.from.buffers(2 * PAGE_BYTES, 0);
	EXPECT_EQ(w.send(p, 1, 0, 2 * PAGE_BYTES + 1), -EMSGSIZE);
	EXPECT_EQ(w.send(p, 2, 0, 2 * PAGE_BYTES), 2 * PAGE_BYTES);
	EXPECT_EQ(p.held(), 2);
	/* full: pages were referenced and let go again */
	EXPECT_EQ(w.send(p, 3), -EAGAIN);
	EXPECT_EQ(p.held(), 2);
	w.from.timeouts(20);
	EXPECT_EQ(w.from.send_pages(p, 0, PAGE_BYTES, 4, far, 0), -ETIMEDOUT);
	EXPECT_EQ(p.held(), 2);
	ASSERT(w.all_sent(1));
	w.ack(w.last());
	EXPECT(w.from.reports(2));
	/* congested */
	rds::congmap_set(map.get(), to_port);
	EXPECT_EQ(s->inject_map(w.lane.get(), map.get(), false), 0);
	EXPECT_EQ(w.send(p, 5), -ENOBUFS);
	/* a second control message that is bad */
	alignas(8) u8 control[control_room];
	u32 cookie = 6;
	bench_message m{};
	m.addr = fake_net + far;
	m.port = to_port + 1;
	m.flags = MSG_DONTWAIT_VALUE | MSG_ZEROCOPY_VALUE;
	m.pages = p.get();
	m.len = PAGE_BYTES;
	m.control = control;
	m.control_len = bench_control_add(control, 0, SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, &cookie, 4);
	u64 key = 99;
	size_t good = m.control_len;
	m.control_len = bench_control_add(control, good, SOL_RDS, RDS_CMSG_RDMA_DEST, &key, 8);
	EXPECT_EQ(bench_sendmsg(w.from.raw(), &m), -EINVAL);
	m.control_len = bench_control_add(control, good, SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, &cookie,
					  3);
	EXPECT_EQ(bench_sendmsg(w.from.raw(), &m), -EINVAL);
	EXPECT_EQ(p.held(), 0);
	EXPECT(w.from.nothing_to_reap());
	EXPECT_EQ(w.from.rds()->snd_bytes, 0);
}

TEST_CASE(zcopy__cancelled_is_completed)
{
	own_pages p(2);
	ASSERT(p);
	SCENARIO(s);
	s->connect_mode = FAKE_CONNECT_LATER;
	far_sender w(s);
	ASSERT(w.ok());
	EXPECT_EQ(w.send(p, 1), PAGE_BYTES);
	EXPECT_EQ(w.send(p, 2, PAGE_BYTES), PAGE_BYTES);
	EXPECT_EQ(p.held(), 2);
	EXPECT_EQ(w.from.cancel(far, to_port), 0);
	EXPECT(eventually([&] { return !p.held(); }));
	rds_zcopy_cookies got;
	EXPECT_EQ(w.from.reap(got), 0);
	EXPECT_EQ(got.num, 2);
	EXPECT_EQ(got.cookies[0], 1);
	EXPECT_EQ(got.cookies[1], 2);
}

TEST_CASE(zcopy__connection_destroyed)
{
	own_pages p(1);
	ASSERT(p);
	SCENARIO(s);
	far_sender w(s);
	ASSERT(w.ok());
	EXPECT_EQ(w.send(p, 1), PAGE_BYTES);
	ASSERT(w.all_sent(1));
	rds_peer_destroy_all(rds_net_of(bench_init_net()), &s->trans);
	EXPECT_EQ(p.held(), 0);
	EXPECT(w.from.reports(1));
}

/* One is reported and unread, one under way: CVE-2023-1078's empty queue is the end of this. */
TEST_CASE(zcopy__close_with_everything_under_way)
{
	own_pages p(2);
	ASSERT(p);
	SCENARIO(s);
	far_sender w(s);
	ASSERT(w.ok());
	EXPECT_EQ(w.send(p, 1), PAGE_BYTES);
	ASSERT(w.all_sent(1));
	w.ack(w.last());
	EXPECT_EQ(w.send(p, 2, PAGE_BYTES), PAGE_BYTES);
	ASSERT(w.all_sent(1));
	rds_message *rm = w.hold_newest();
	ASSERT(rm);
	w.from.close();
	EXPECT_EQ(p.held(), 1);
	/* a network that does not move keeps the pages, but neither socket nor namespace */
	EXPECT(!rm->m_zcopy->rs);
	rds_message_put(rm);
	EXPECT_EQ(p.held(), 0);
}

TEST_CASE(zcopy__rides_on_a_message)
{
	own_pages p(1);
	ASSERT(p);
	SCENARIO(s);
	sender a(s);
	test_socket b(2, to_port);
	ASSERT(a.bound() && b.bound());
	EXPECT_EQ(a.send_pages(p, 0, 10, 5), 10);
	u8 data[16];
	EXPECT_EQ(b.recv_wait(data, sizeof(data)), 10);
	EXPECT(eventually([&] { return !p.held(); }));
	EXPECT_EQ(b.send(1, from_port, data, 3), 3);
	EXPECT(eventually([&] { return !a.rds()->received.empty(); }));
	alignas(8) u8 control[control_room];
	bench_message m{};
	m.flags = MSG_DONTWAIT_VALUE;
	m.buf = data;
	m.len = sizeof(data);
	m.control = control;
	m.control_len = sizeof(control);
	EXPECT_EQ(bench_recvmsg(a.raw(), &m), 3);
	EXPECT_EQ(m.got_flags, 0);
	auto *z = static_cast<const rds_zcopy_cookies *>(
		bench_control_find(control, m.control_len, SOL_RDS, RDS_CMSG_ZCOPY_COMPLETION));
	ASSERT(z);
	EXPECT_EQ(z->num, 1);
	EXPECT_EQ(z->cookies[0], 5);
	EXPECT(a.nothing_to_reap());
}

TEST_CASE(zcopy__needs_room)
{
	own_pages p(1);
	ASSERT(p);
	SCENARIO(s);
	far_sender w(s);
	ASSERT(w.ok());
	EXPECT_EQ(w.send(p, 1), PAGE_BYTES);
	ASSERT(w.all_sent(1));
	w.ack(w.last());
	rds_zcopy_cookies got;
	EXPECT_EQ(w.from.reap(got, 55), -EAGAIN);
	EXPECT_EQ(w.from.reap(got, 0), -EAGAIN);
	/* a length, and nothing there */
	bench_message nowhere{};
	nowhere.flags = MSG_DONTWAIT_VALUE;
	nowhere.control_len = control_room;
	EXPECT_EQ(bench_recvmsg(w.from.raw(), &nowhere), -EAGAIN);
	bench_zerocopy(w.from.raw(), false);
	EXPECT(w.from.nothing_to_reap());
	bench_zerocopy(w.from.raw(), true);
	EXPECT_EQ(w.from.reap(got, 56), 0);
	EXPECT_EQ(got.num, 1);
}

/* Completions of two threads and a reader: each cookie is reported once. */
TEST_CASE(zcopy__reaped_while_completing)
{
	constexpr u32 messages = 400;
	own_pages p(1);
	ASSERT(p);
	SCENARIO(s);
	far_sender w(s);
	ASSERT(w.ok());
	w.from.buffers(1 << 20, 0);
	for (u32 i = 0; i < messages; i++)
		EXPECT_EQ(w.send(p, i, 0, 40), 40);
	ASSERT(w.all_sent(messages));
	u64 last = w.last();
	bool seen[messages] = {};
	u32 nr = 0, twice = 0;
	{
		auto acks = [&] {
			for (u64 n = last - messages; n <= last; n++)
				w.ack(n);
		};
		thread one(acks), two(acks);
		eventually([&] {
			rds_zcopy_cookies got;
			while (!w.from.reap(got)) {
				for (u32 i = 0; i < got.num; i++) {
					u32 c = got.cookies[i];
					twice += c >= messages || seen[c];
					if (c < messages)
						seen[c] = true;
					nr++;
				}
			}
			return nr >= messages;
		});
	}
	EXPECT_EQ(nr, messages);
	EXPECT_EQ(twice, 0);
	EXPECT_EQ(p.held(), 0);
}

TEST_CASE(zcopy__nth_allocation_fails)
{
	constexpr int most = 400;
	own_pages p(3);
	ASSERT(p);
	SCENARIO(s);
	far_sender w(s);
	ASSERT(w.ok());
	u32 failed = 0;
	for (int nth = 1;; nth++) {
		ASSERT(nth < most);
		bench_fault(nth);
		long ret = w.send(p, nth, 9, 2 * PAGE_BYTES);
		bool hit = bench_fault_end();
		if (ret < 0) {
			EXPECT_EQ(ret, -ENOMEM);
			EXPECT_EQ(p.held(), 0);
			EXPECT(w.from.nothing_to_reap());
			failed++;
			continue;
		}
		/* what the transport lacked is tried again */
		ASSERT(w.all_sent(1));
		w.ack(w.last());
		EXPECT(w.from.reports(nth));
		EXPECT_EQ(p.held(), 0);
		if (!hit)
			break;
	}
	EXPECT(failed > 0);
}
