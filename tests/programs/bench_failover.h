// SPDX-License-Identifier: GPL-2.0
/*
 * Traffic with many peers, all of whose connections are cut at once: when does each of them answer
 * again? Half of the peers have smaller addresses, half have larger ones. One thread, and a process
 * that answers.
 */
#ifndef TESTS_PROGRAMS_BENCH_FAILOVER_H
#define TESTS_PROGRAMS_BENCH_FAILOVER_H

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include "bench_memory.h"
#include "bench_setup.h"

/* Ends the TCP connections of RDS in one host, each with a reset to its peer, as `ss -K` does. */
class cutter {
public:
	cutter() : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG))
	{
		if (fd_ < 0)
			die("socket(NETLINK_SOCK_DIAG)");
	}

	/* Found first, so that they end as good as together. */
	unsigned cut()
	{
		std::vector<inet_diag_msg> all;
		for (unsigned char family : {AF_INET, AF_INET6})
			find(family, all);
		for (const inet_diag_msg &m : all) {
			inet_diag_req_v2 r{};
			r.sdiag_family = m.idiag_family;
			r.sdiag_protocol = IPPROTO_TCP;
			r.id = m.id;
			ask(SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK, r);
			char reply[512];
			(void)::recv(fd_, reply, sizeof(reply), 0);
		}
		return static_cast<unsigned>(all.size());
	}

private:
	static constexpr std::uint16_t rds_port = 16385;

	void ask(std::uint16_t type, int flags, const inet_diag_req_v2 &r)
	{
		struct {
			nlmsghdr head;
			inet_diag_req_v2 body;
		} q{};
		q.head.nlmsg_len = sizeof(q);
		q.head.nlmsg_type = type;
		q.head.nlmsg_flags = static_cast<std::uint16_t>(flags);
		q.body = r;
		if (::send(fd_, &q, sizeof(q), 0) != sizeof(q))
			die("sock_diag");
	}

	void find(unsigned char family, std::vector<inet_diag_msg> &all)
	{
		inet_diag_req_v2 r{};
		r.sdiag_family = family;
		r.sdiag_protocol = IPPROTO_TCP;
		r.idiag_states = 1 << TCP_ESTABLISHED | 1 << TCP_SYN_SENT | 1 << TCP_SYN_RECV;
		ask(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, r);
		alignas(nlmsghdr) static char data[65536];
		for (;;) {
			ssize_t n = ::recv(fd_, data, sizeof(data), 0);
			if (n <= 0)
				die("sock_diag");
			auto left = static_cast<unsigned>(n);
			for (auto *h = reinterpret_cast<nlmsghdr *>(data); NLMSG_OK(h, left);
			     h = NLMSG_NEXT(h, left)) {
				if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
					return;
				inet_diag_msg m;
				std::memcpy(&m, NLMSG_DATA(h), sizeof(m));
				if (m.id.idiag_sport == htons(rds_port) ||
				    m.id.idiag_dport == htons(rds_port))
					all.push_back(m);
			}
		}
	}

	int fd_;
};

struct failover_plan {
	unsigned peers = 100, cuts = 5, nth = 0;
};

class failover_bench {
public:
	explicit failover_bench(const failover_plan &plan) : plan_(plan)
	{
		rlimit many{65536, 65536};
		if (::setrlimit(RLIMIT_NOFILE, &many))
			die("setrlimit");
		for (unsigned i = 0; i < plan.peers; i++)
			peers_.push_back(peer(i).right);
	}

	/* The times of all cuts; streams is how many TCP connections the last one ended. */
	samples run(unsigned &streams)
	{
		waiter answering([&](const std::function<void()> &ready) { answer_all(ready); });
		enter_host("a");
		cutter knife;
		sender_ = rds_bound(place::net(plan_.nth, 3000).left);
		set_option(sender_, SOL_SOCKET, SO_SNDBUFFORCE, 8 << 20);
		set_option(sender_, SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20);
		samples s;
		if (!carry(now_ns(), s.lost))
			return s;
		for (unsigned i = 0; i < plan_.cuts; i++) {
			unsigned missed = 0;
			s.lost = 0;
			carry_until(now_ns() + 3 * second);
			std::uint64_t begun = now_ns();
			streams = knife.cut();
			std::fill(answered_.begin(), answered_.end(), 0);
			carry(begun, missed);
			s.lost += missed;
			for (std::uint64_t t : answered_)
				if (t)
					s.ns.push_back(static_cast<double>(t - begun));
		}
		return s;
	}

private:
	static constexpr std::uint64_t second = 1000000000, period = 100000000, hurry = 20000000;

	struct text {
		std::uint64_t stamp, peer;
		char rest[48];
	};

	place peer(unsigned i) const
	{
		unsigned nth = plan_.nth + i / 2;
		return i % 2 ? place::downhill(nth, 3000) : place::net(nth, 3000);
	}

	void answer_all(const std::function<void()> &ready)
	{
		enter_host("b");
		int all = ::epoll_create1(0);
		for (unsigned i = 0; i < plan_.peers; i++) {
			int fd = rds_bound(peers_[i]);
			epoll_event e{EPOLLIN, {.fd = fd}};
			::epoll_ctl(all, EPOLL_CTL_ADD, fd, &e);
		}
		endpoint to = place::net(plan_.nth, 3000).left;
		ready();
		for (;;) {
			epoll_event e[64];
			int n = ::epoll_wait(all, e, 64, -1);
			text t;
			for (int i = 0; i < n; i++)
				if (::recv(e[i].data.fd, &t, sizeof(t), MSG_DONTWAIT) == sizeof(t))
					(void)::sendto(e[i].data.fd, &t, sizeof(t), MSG_DONTWAIT,
						       to.sa(), to.length());
		}
	}

	/* To each peer that is due. */
	void send_due()
	{
		std::uint64_t now = now_ns();
		for (unsigned i = 0; i < plan_.peers; i++) {
			if (due_[i] > now)
				continue;
			due_[i] = now + (answered_[i] ? period : hurry);
			text t{now_ns(), i, {}};
			(void)::sendto(sender_, &t, sizeof(t), MSG_DONTWAIT, peers_[i].sa(),
				       peers_[i].length());
		}
	}

	/* The first answer to what was sent after @since counts. */
	void receive_all(std::uint64_t since)
	{
		text t;
		while (::recv(sender_, &t, sizeof(t), MSG_DONTWAIT) == sizeof(t))
			if (t.stamp >= since && t.peer < answered_.size() && !answered_[t.peer])
				answered_[t.peer] = now_ns();
	}

	void turn(std::uint64_t since)
	{
		send_due();
		pollfd p{sender_, POLLIN, 0};
		::poll(&p, 1, 1);
		receive_all(since);
	}

	void carry_until(std::uint64_t end)
	{
		while (now_ns() < end)
			turn(~std::uint64_t{0});
	}

	/* Until all have answered, or for two minutes. Each gets a message at once. */
	bool carry(std::uint64_t since, unsigned &missed)
	{
		std::ranges::fill(due_, 0);
		while (now_ns() < since + 120 * second) {
			turn(since);
			missed = static_cast<unsigned>(std::ranges::count(answered_, 0u));
			if (!missed)
				return true;
		}
		return false;
	}

	failover_plan plan_;
	std::vector<endpoint> peers_;
	int sender_ = -1;
	std::vector<std::uint64_t> due_ = std::vector<std::uint64_t>(plan_.peers),
				   answered_ = std::vector<std::uint64_t>(plan_.peers);
};

#endif
