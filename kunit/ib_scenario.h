/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the InfiniBand suites share: the transport on top of the fake verbs, and one connection of
 * it whose far end the test is. Addresses 1 to 31 are ours; far ends have others.
 */
#pragma once

#include "../transports/ib/ib.h"
#include "fake_verbs.h"

/* Ports of the near and the far end. */
constexpr u16 ib_near_port = 1000, ib_far_port = 2000;
constexpr u32 ib_near = 1, ib_far = 64;

/* The transport, started, with small rings. Everything is put back and looked at when it ends. */
class ib_scenario : kernel::pinned {
public:
	explicit ib_scenario(kunit *test);
	~ib_scenario();
	/* Once the script of the fake is as it should be. Return: 0 or errno. */
	int start();
	int start_paging(); /* with devices that page on demand */
	void stop();
	explicit operator bool() const { return m_fake; }
	fake_verbs *operator->() const { return m_fake; }
	u64 counter(rds_ib_counter which) const;

private:
	kunit *test;
	fake_verbs *m_fake;
	bool m_started = false;
	struct rds_tunables m_tunables;
};

#define IB_SCENARIO(name)                                                                          \
	ib_scenario name(test);                                                                    \
	ASSERT(name);                                                                              \
	ASSERT_EQ(name.start(), 0)

/* On a device whose send ring has 160 places: less than the largest message needs. */
#define IB_SMALL_RING(name)                                                                        \
	ib_scenario name(test);                                                                    \
	ASSERT(name);                                                                              \
	name->devices[0].limits.qp_wr = 162;                                                       \
	ASSERT_EQ(name.start(), 0)

/* Memory that the transport pages: the @length bytes at offset 100, of @host's device. */
class ib_paged : kernel::pinned {
public:
	ib_paged(u32 host, bool writable, bool operand, rds_connection *conn = nullptr,
		 u64 length = 3000);
	~ib_paged()
	{
		bool had = m_handle && !error();
		free(true);
		if (had)
			(void)eventually([&] { return unpins() > 0; });
		ib_sg_free(m_page);
	}
	/* how often the charge has come back */
	u32 unpins() const { return ib_sg_unpins(m_page); }
	int error() const { return kernel::pointer_error(m_handle); }
	void free(bool soon);
	void *handle() const { return m_handle; }
	u8 *memory() const { return static_cast<u8 *>(ib_sg_data(m_page)) + 100; }
	u64 addr() const { return fv_user_address(memory()); }
	/* What the device has of it; null: nothing. */
	rv_mr *of() const;
	u32 key = 0;

private:
	scatterlist *m_page;
	void *m_handle = nullptr;
};

/* A lane of the transport, with a reference of its peer. */
class ib_lane : kernel::pinned {
public:
	ib_lane(u32 near, u32 far, bool v6 = false, u8 tos = 0);
	~ib_lane()
	{
		if (m_peer)
			rds_conn_put(get());
	}
	explicit operator bool() const { return m_peer; }
	rds_lane *get() const { return &m_peer->lane0; }
	rds_lane *operator->() const { return get(); }
	rds_ib_connection *ib() const { return rds_ib_of(get()); }
	void destroy() { rds_peer_destroy(m_peer); }

private:
	rds_peer *m_peer;
};

/* What the far end says in its messages. */
struct ib_words {
	u64 sequence = 0;
	u64 ack = 0;
	u8 flags = 0;
	u8 credit = 0;
	u16 sport = ib_far_port, dport = ib_near_port;
};

/* A SEND of ours. */
struct ib_frame {
	rds_header hdr;
	rv_wr wr;
	u32 len; /* of the payload */
	u8 data[16]; /* its beginning */
};

rds_header ib_header(const ib_words &w, u32 len);

/* A connection whose far end is the test. */
class ib_far_end : kernel::pinned {
public:
	explicit ib_far_end(kunit *t, ib_scenario &scene, u32 far = ib_far, bool v6 = false,
			    u8 tos = 0);
	bool ok() const { return lane && near.bound(); }

	/* ---- connecting, step by step or at once ---- */

	/* conn_connect has asked for the address. */
	bool asks();
	/* It goes on until the request is out. */
	bool requests();
	/* The answer comes. @data: null: a proper one. */
	int deliver_answer(u32 credit, u64 ack = 0);
	bool answers(u32 credit = 0, u64 ack = 0);
	bool connect(u32 credit = 0) { return asks() && requests() && answers(credit); }
	/* The far end asks, is accepted, and the connection stands. */
	int request(u16 version = 0x0301, u32 credit = 0, u64 ack = 0);
	bool stands();
	bool accepted(u32 credit = 0);
	/* The first thing that is sent: the congestion map. Completes it. */
	bool takes_map();
	bool up() { return connect() && takes_map(); }
	/* This queue pair goes, and what was of it is gone. */
	bool drops();
	/* And another one stands. */
	bool again() { return drops() && up(); }
	/* The introduction of the far end, in room for 196 bytes. Return: its length. */
	u32 introduce(u8 *to, u16 version, u32 credit = 0, u64 ack = 0) const;

	/* ---- traffic ---- */

	/* From the near socket. Return: as sendmsg. */
	long send(const void *data, u32 len);
	/* A message comes, in parts. False: there were too few buffers. */
	bool says(const ib_words &w, const void *data, u32 len);
	bool says_ack(u64 ack, u8 credit = 0);
	/* So many work requests wait for the device. */
	bool waiting(u32 nr)
	{
		return eventually([&] { return q->waiting() == nr; });
	}
	/* The oldest of them, a SEND, completed. All of its payload, if @payload is given. */
	bool take(ib_frame &f, u8 *payload = nullptr);
	/* All that is sent ends well, until there is no more. */
	void take_all();
	rds_ib_link *link() const { return lane.ib()->link; }

	kunit *test;
	ib_scenario &s;
	const u32 far_host;
	const bool v6;
	ib_lane lane;
	test_socket near;
	u16 near_port;
	u32 generation = 0; /* what it says of itself, if it is one of ours */
	rdma_cm_id *id = nullptr;
	rv_queues *q = nullptr;
};

/* A socket of the transport, bound. */
bool ib_bind(kunit *test, test_socket &sock, u32 host, u16 port);

/* Two ends of ours, between which everything goes by itself. */
class ib_pair : kernel::pinned {
public:
	ib_pair(kunit *test, ib_scenario &s, u32 far_host = 2);
	bool ok() const { return m_ok && near.bound() && far.bound(); }
	long send(const void *data, u32 len)
	{
		near.timeouts(patience);
		return near.send_to(fv_net + far_host, ib_far_port, data, len, 0);
	}
	long answer(const void *data, u32 len)
	{
		far.timeouts(patience);
		return far.send_to(fv_net + ib_near, ib_near_port, data, len, 0);
	}
	/* A message of @len bytes goes there and comes out as it was. */
	bool moves(u32 len);

	kunit *test;
	const u32 far_host;
	test_socket near, far;
	ib_lane there, back;

private:
	bool m_ok;
};
