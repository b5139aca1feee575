// SPDX-License-Identifier: GPL-2.0
/* The parts of ib_scenario.h that are not inline. Process context. */
#include "ib_scenario.h"

#include "rds_abi.h"

ib_scenario::ib_scenario(kunit *t)
    : test(t), m_fake(kernel::make<fake_verbs>(kernel::gfp_kernel)), m_tunables(rds_tunables)
{
	rds_ib_settings = {};
	rds_ib_settings.max_send_wr = 192;
	rds_ib_settings.max_recv_wr = 64;
	rds_ib_settings.max_unsignaled_wr = 16;
	rds_ib_settings.max_recv_allocation = 1 << 20;
	rds_ib_settings.pool_1m = 8;
	rds_ib_settings.pool_8k = 16;
	rds_ib_settings.retry_count = 1;
}

int ib_scenario::start()
{
	int err = rds_ib_start(bench_module());
	m_started = !err;
	return err;
}

int ib_scenario::start_paging()
{
	for (rv_device &dev : m_fake->devices)
		dev.limits.on_demand = dev.limits.on_demand_atomics = true;
	return start();
}

void ib_scenario::stop()
{
	if (m_started)
		rds_ib_stop();
	m_started = false;
}

ib_scenario::~ib_scenario()
{
	rds_tunables = m_tunables;
	if (!m_fake)
		return;
	m_fake->cm_hold = false;
	stop();
	m_fake->stop_cm();
	/* unread messages held their connections */
	kernel_rcu_barrier();
	if (m_fake->violations)
		bench_fail(test, __FILE__, __LINE__, m_fake->violation, m_fake->violations, 0);
	EXPECT_EQ(m_fake->maps, m_fake->unmaps);
	EXPECT_EQ(m_fake->living_ids(), 0);
	EXPECT_EQ(m_fake->living_queues(), 0);
	EXPECT_EQ(m_fake->mr_allocs, m_fake->mr_frees);
	EXPECT(!m_fake->lists);
	for (rv_device &dev : m_fake->devices)
		EXPECT_EQ(dev.refs, 0);
	kernel::destroy(m_fake);
}

u64 ib_scenario::counter(rds_ib_counter which) const
{
	struct record {
		char name[32];
		u64 value;
	};
	buffer room(RDS_IB_COUNTERS * sizeof(record));
	if (!room)
		return ~0ull;
	rds_info_iterator iter{room.get(), RDS_IB_COUNTERS * sizeof(record), 0};
	rds_ib_transport.stats_info_copy(&iter, RDS_IB_COUNTERS);
	u64 value;
	__builtin_memcpy(&value, room.get() + which * sizeof(record) + 32, sizeof(value));
	return value;
}

ib_paged::ib_paged(u32 host, bool writable, bool operand, rds_connection *conn, u64 length)
    : m_page(ib_sg_make(1))
{
	in6_addr at = fv_addr(host);
	const rds_region want = {&at, 0, writable, operand, addr(), length, m_page};
	m_handle = rds_ib_transport.get_mr_ex(nullptr, 0, nullptr, &key, conn, &want);
}

void ib_paged::free(bool soon)
{
	if (m_handle && !error())
		rds_ib_transport.free_mr(m_handle, soon);
	m_handle = nullptr;
}

rv_mr *ib_paged::of() const
{
	rv_mr *found = nullptr;
	kernel::guard hold(fv->lock);
	fv->mrs.each([&](rv_mr *mr) {
		if (mr->key == key && mr->paged)
			found = mr;
	});
	return found;
}

ib_lane::ib_lane(u32 near, u32 far, bool v6, u8 tos)
{
	in6_addr l = fv_addr(near, v6), f = fv_addr(far, v6);
	int err;
	m_peer = rds_peer_find_or_create(rds_net_of(bench_init_net()), &l, &f, &rds_ib_transport,
					 tos, 0, &err);
}

rds_header ib_header(const ib_words &w, u32 len)
{
	rds_header h = rds::make_header(kernel::be16(w.sport), kernel::be16(w.dport), len);
	h.h_sequence = kernel::be64(w.sequence);
	h.h_ack = kernel::be64(w.ack);
	h.h_flags = w.flags;
	h.h_credit = w.credit;
	h.h_csum = rds::header_csum(h);
	return h;
}

bool ib_bind(kunit *test, test_socket &sock, u32 host, u16 port)
{
	if (!EXPECT(sock) || !EXPECT_EQ(sock.option(SO_RDS_TRANSPORT, RDS_TRANS_IB), 0))
		return false;
	return EXPECT_EQ(sock.bind(fv_net + host, port), 0);
}

ib_far_end::ib_far_end(kunit *t, ib_scenario &scene, u32 far, bool six, u8 tos)
    : test(t), s(scene), far_host(far), v6(six), lane(ib_near, far, six, tos)
{
	near_port = static_cast<u16>(ib_near_port + ((far - ib_far) & 0xff));
	ib_bind(test, near, ib_near, near_port);
	near.buffers(4 << 20, 4 << 20);
}

/* ---- connecting ---- */

bool ib_far_end::asks()
{
	rds_conn_connect_if_down(lane.get());
	bool asked = eventually([&] {
		id = s->active_id();
		return id && rds_conn_state(lane.get()) == RDS_CONN_CONNECTING;
	});
	return EXPECT(asked);
}

bool ib_far_end::requests()
{
	EXPECT_EQ(s->deliver(id, RV_EVENT_ADDR_RESOLVED), 0);
	EXPECT_EQ(id->routes, 1);
	EXPECT_EQ(s->deliver(id, RV_EVENT_ROUTE_RESOLVED), 0);
	q = id->queues;
	return EXPECT_EQ(id->connects, 1) && EXPECT(q);
}

u32 ib_far_end::introduce(u8 *to, u16 version, u32 credit, u64 ack) const
{
	rds::ib::introduction far{};
	far.source = fv_addr(far_host, v6);
	far.destination = fv_addr(ib_near, v6);
	far.version = version;
	far.minors = 3;
	far.tos = lane->c_tos;
	far.credit = credit;
	far.ack = ack;
	far.generation = generation;
	__builtin_memset(to, 0, fv_data_bytes);
	rds::ib::write_introduction(to, v6, far);
	return static_cast<u32>(rds::ib::format_of(v6).size());
}

int ib_far_end::deliver_answer(u32 credit, u64 ack)
{
	u8 data[fv_data_bytes];
	introduce(data, 0x0301, credit, ack);
	return s->deliver(id, RV_EVENT_ESTABLISHED, data, sizeof(data));
}

bool ib_far_end::answers(u32 credit, u64 ack)
{
	EXPECT_EQ(deliver_answer(credit, ack), 0);
	return EXPECT_EQ(rds_conn_state(lane.get()), RDS_CONN_UP);
}

int ib_far_end::request(u16 version, u32 credit, u64 ack)
{
	u8 data[fv_data_bytes];
	introduce(data, version, credit, ack);
	id = s->request_from(fv_addr(far_host, v6), fv_addr(ib_near, v6), lane->c_tos);
	if (!EXPECT(id))
		return -ENOMEM;
	int ret = s->deliver(id, RV_EVENT_REQUEST, data, 56);
	q = id->queues;
	return ret;
}

bool ib_far_end::stands()
{
	EXPECT_EQ(s->deliver(id, RV_EVENT_ESTABLISHED), 0);
	return EXPECT_EQ(rds_conn_state(lane.get()), RDS_CONN_UP);
}

bool ib_far_end::accepted(u32 credit)
{
	return EXPECT_EQ(request(0x0301, credit), 0) && EXPECT_EQ(id->accepts, 1) && stands();
}

bool ib_far_end::take(ib_frame &f, u8 *payload)
{
	if (!EXPECT(eventually([&] { return q->waiting() > 0; })))
		return false;
	const fv_send &r = q->request(0);
	f = {};
	f.wr = r.wr;
	f.len = fv_bytes(r) - static_cast<u32>(RDS_HEADER_BYTES);
	EXPECT_EQ(r.wr.op, RV_SEND);
	EXPECT_EQ(r.sge[0].length, RDS_HEADER_BYTES);
	EXPECT_EQ(r.wr.nr_sge, f.len ? 2 : 1);
	if (!EXPECT(f.len <= RDS_FRAG_SIZE))
		return false;
	u8 *room = payload ? payload : f.data;
	buffer all(RDS_HEADER_BYTES + RDS_FRAG_SIZE);
	if (!EXPECT(all))
		return false;
	fv_read(r, all.get(), RDS_HEADER_BYTES + f.len);
	__builtin_memcpy(&f.hdr, all.get(), sizeof(f.hdr));
	u32 n = payload || f.len < sizeof(f.data) ? f.len : static_cast<u32>(sizeof(f.data));
	__builtin_memcpy(room, all.get() + RDS_HEADER_BYTES, n);
	EXPECT(f.hdr.h_csum != kernel::be16(0));
	EXPECT(rds::header_csum_ok(f.hdr));
	q->complete();
	q->settle();
	return true;
}

bool ib_far_end::takes_map()
{
	/* with flow control something is said of buffers, too */
	for (u32 parts = 0; parts < 2;) {
		ib_frame f;
		if (!take(f))
			return false;
		if (!f.len && !f.hdr.h_flags)
			continue;
		parts++;
		EXPECT_EQ(f.hdr.h_flags, RDS_FLAG_CONG_BITMAP);
		EXPECT_EQ(f.hdr.h_sequence.host(), 0);
		EXPECT_EQ(f.hdr.h_len.host(), RDS_CONG_MAP_BYTES);
		EXPECT_EQ(f.len, RDS_FRAG_SIZE);
	}
	return true;
}

bool ib_far_end::drops()
{
	return EXPECT(eventually([&] { return kernel::read_once(q->id->destroyed); }));
}

/* ---- traffic ---- */

long ib_far_end::send(const void *data, u32 len)
{
	return near.send_to(fv_net + far_host, ib_far_port, data, len);
}

bool ib_far_end::says(const ib_words &w, const void *data, u32 len)
{
	rds_header hdr = ib_header(w, len);
	auto *from = static_cast<const u8 *>(data);
	u32 done = 0;
	do {
		u32 n = len - done < RDS_FRAG_SIZE ? len - done : static_cast<u32>(RDS_FRAG_SIZE);
		bool last = done + n == len;
		if (!q->arrive(&hdr, from + done, RDS_HEADER_BYTES + n, last))
			return false;
		done += n;
	} while (done < len);
	q->settle();
	return true;
}

bool ib_far_end::says_ack(u64 ack, u8 credit)
{
	ib_words w;
	w.ack = ack;
	w.credit = credit;
	w.sport = w.dport = 0;
	return says(w, nullptr, 0);
}

void ib_far_end::take_all()
{
	(void)eventually([&] {
		q->complete_all();
		q->settle();
		return !q->waiting() && !queued_on(lane.get()) &&
		       !kernel::read_once(lane->c_xmit_rm);
	});
}

/* ---- two of ours ---- */

ib_pair::ib_pair(kunit *t, ib_scenario &s, u32 far_end)
    : test(t),
      far_host(far_end),
      there(ib_near, far_end),
      back(far_end, ib_near),
      m_ok(s->start_cm())
{
	ib_bind(test, near, ib_near, ib_near_port);
	ib_bind(test, far, far_host, ib_far_port);
	near.buffers(4 << 20, 8 << 20);
	far.buffers(4 << 20, 8 << 20);
}

bool ib_pair::moves(u32 len)
{
	buffer out(len), in(len + 1);
	if (!EXPECT(out) || !EXPECT(in))
		return false;
	fill_pattern(out.get(), len, len);
	return EXPECT_EQ(send(out.get(), len), len) &&
	       EXPECT_EQ(far.recv_wait(in.get(), len + 1), len) &&
	       EXPECT(check_pattern(in.get(), len, len));
}
