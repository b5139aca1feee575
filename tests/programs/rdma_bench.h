// SPDX-License-Identifier: GPL-2.0
/*
 * What the rows of rds-rdma are written with: the parameters and counters of the transport in
 * tests/transport-rdma, memory that is registered, requests that can be spoiled, notifications.
 * One thread.
 */
#ifndef TESTS_PROGRAMS_RDMA_BENCH_H
#define TESTS_PROGRAMS_RDMA_BENCH_H

#include <fcntl.h>

#include <functional>
#include <optional>

#include "../abi/probe.h"

constexpr std::size_t page = 4096;
constexpr int patience_ms = 30000; /* a debug kernel under load is slow */

inline bool eventually(const std::function<bool()> &f)
{
	stopwatch watch;
	while (!f()) {
		if (watch.ms() > patience_ms)
			return false;
		::usleep(1000);
	}
	return true;
}

/* ---- the transport's parameters ---- */

constexpr int hold_wire = 1, hold_completions = 2, hold_acks = 4;

inline std::string parameter_path(const std::string &name)
{
	return "/sys/module/rds_test_rdma/parameters/" + name;
}

inline void set_parameter(const std::string &name, const std::string &value)
{
	int fd = ::open(parameter_path(name).c_str(), O_WRONLY);
	if (fd < 0 || ::write(fd, value.data(), value.size()) < 0) {
		std::fprintf(stderr, "rds-rdma: cannot write %s to %s\n", value.c_str(),
			     parameter_path(name).c_str());
		std::exit(2);
	}
	::close(fd);
}

inline void set_parameter(const std::string &name, int value)
{
	set_parameter(name, std::to_string(value));
}

/* The @nth call of a hook from now on fails. */
inline void fail_hook(const std::string &hook, int nth, int err)
{
	set_parameter("fail", hook + " " + std::to_string(nth) + " " + std::to_string(err));
}

inline std::string read_file(const std::string &path)
{
	std::array<char, 16384> text{};
	int fd = ::open(path.c_str(), O_RDONLY);
	ssize_t n = fd < 0 ? 0 : ::read(fd, text.data(), text.size() - 1);
	::close(fd);
	return std::string(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
}

inline long counter(const std::string &name)
{
	std::string all = read_file(parameter_path("counters"));
	auto at = all.find(name + "=");
	return at == all.npos ? -1 : std::atol(all.c_str() + at + name.size() + 1);
}

/* A parameter for a scope. */
class parameter {
public:
	parameter(const char *name, int value, int after = 0) : name_(name), after_(after)
	{
		set_parameter(name_, value);
	}
	parameter(const parameter &) = delete;
	~parameter() { set_parameter(name_, after_); }

private:
	std::string name_;
	int after_;
};

/* One of the core's counters. */
inline std::uint64_t core_counter(const std::string &name)
{
	struct record {
		char name[32];
		std::uint64_t value;
	};
	sock s;
	std::array<record, 256> all{};
	socklen_t len = sizeof(all);
	::getsockopt(s.fd(), SOL_RDS, RDS_INFO_COUNTERS, all.data(), &len);
	for (std::size_t i = 0; i < len / sizeof(record); i++)
		if (name == all[i].name)
			return all[i].value;
	return ~std::uint64_t{0};
}

/* Bytes of a list of messages. */
inline long list_length(int list)
{
	sock s;
	socklen_t len = 0;
	::getsockopt(s.fd(), SOL_RDS, list, nullptr, &len);
	return len;
}

/* Nothing is under way any more. */
inline bool idle()
{
	return eventually([] {
		return !counter("operations") && !list_length(RDS_INFO_SEND_MESSAGES) &&
		       !list_length(RDS_INFO_RETRANS_MESSAGES);
	});
}

/* And nothing is registered. */
inline bool settled()
{
	return idle() && eventually([] { return !counter("regions"); });
}

/* Pages that are pinned on this machine, as the kernel counts them; nobody else pins any. */
inline long pinned_pages()
{
	(void)read_file("/proc/sys/vm/stat_refresh"); /* or it is a second behind */
	std::string all = read_file("/proc/vmstat");
	auto value = [&](const char *name) {
		auto at = all.find(name);
		return at == all.npos ? 0 : std::atol(all.c_str() + at + std::strlen(name));
	};
	return value("nr_foll_pin_acquired ") - value("nr_foll_pin_released ");
}

inline bool pinned(long nr)
{
	return eventually([&] { return pinned_pages() == nr; });
}

/* ---- memory ---- */

/* Pages between two that may not be touched. */
class pages {
public:
	explicit pages(std::size_t nr, int prot = PROT_READ | PROT_WRITE) : size_(nr * page)
	{
		base_ = static_cast<std::uint8_t *>(::mmap(nullptr, size_ + 2 * page, PROT_NONE,
							   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		base_ += page;
		::mprotect(base_, size_, PROT_READ | PROT_WRITE);
		std::memset(base_, 0, size_);
		::mprotect(base_, size_, prot);
	}
	pages(const pages &) = delete;
	~pages() { ::munmap(base_ - page, size_ + 2 * page); }

	std::uint8_t *get() const { return base_; }
	std::uint64_t addr(std::size_t off = 0) const
	{
		return reinterpret_cast<std::uint64_t>(base_) + off;
	}
	std::size_t size() const { return size_; }
	std::uint64_t &word(std::size_t n) const
	{
		return reinterpret_cast<std::uint64_t *>(base_)[n];
	}
	void fill(unsigned seed) const
	{
		for (std::size_t i = 0; i < size_; i++)
			base_[i] = static_cast<std::uint8_t>((i * 2654435761u >> 11) + seed);
	}
	bool all(std::uint8_t value, std::size_t from = 0, std::size_t to = ~std::size_t{0}) const
	{
		for (std::size_t i = from; i < std::min(to, size_); i++)
			if (base_[i] != value)
				return false;
		return true;
	}

private:
	std::uint8_t *base_;
	std::size_t size_;
};

/* ---- requests ---- */

inline std::uint64_t address_of(const void *p)
{
	return reinterpret_cast<std::uint64_t>(p);
}

inline rds_get_mr_args region_args(std::uint64_t addr, std::uint64_t bytes,
				   std::uint64_t *cookie = nullptr, std::uint64_t flags = 0)
{
	return {{addr, bytes}, address_of(cookie), flags};
}

inline long option(const sock &s, int name, const void *value, std::size_t len)
{
	return result_of(::setsockopt(s.fd(), SOL_RDS, name, value, static_cast<socklen_t>(len)));
}

inline long get_mr(const sock &s, const rds_get_mr_args &args)
{
	return option(s, RDS_GET_MR, &args, sizeof(args));
}

inline long free_mr(const sock &s, std::uint64_t cookie, std::uint64_t flags = 0)
{
	rds_free_mr_args args{cookie, flags};
	return option(s, RDS_FREE_MR, &args, sizeof(args));
}

/* A message with one control message. */
inline long send_control(const sock &s, const endpoint &to, int type, const void *data,
			 std::size_t len, const std::string &text = "", int flags = MSG_DONTWAIT)
{
	message m(&to, text.data(), text.size());
	m.add_control(SOL_RDS, type, data, len);
	return m.send(s, flags);
}

template <typename T>
long send_control(const sock &s, const endpoint &to, int type, const T &data,
		  const std::string &text = "", int flags = MSG_DONTWAIT)
{
	return send_control(s, to, type, &data, sizeof(data), text, flags);
}

/* An RDMA of one local range; @flags without READWRITE reads from the peer. */
struct rdma : rds_rdma_args {
	rds_iovec vec;

	rdma(std::uint64_t the_cookie, std::uint64_t addr, std::uint64_t bytes,
	     std::uint64_t the_flags, std::uint64_t token = 0)
	    : rds_rdma_args{}, vec{addr, bytes}
	{
		cookie = the_cookie;
		remote_vec = {0, bytes};
		local_vec_addr = address_of(&vec);
		nr_local = 1;
		flags = the_flags;
		user_token = token;
	}
	rdma(const rdma &) = delete;
	const rds_rdma_args &args() const { return *this; }
	long send(const sock &s, const endpoint &to, const std::string &text = "") const
	{
		return send_control(s, to, RDS_CMSG_RDMA_ARGS, args(), text);
	}
};

/* ---- what comes back ---- */

struct notice {
	std::uint64_t token;
	std::int32_t status;
	bool operator==(const notice &) const = default;
};

/* The statuses of one recvmsg, which must carry nothing else. */
inline std::vector<notice> take_notices(const sock &s, std::size_t room = 4096, int flags = 0)
{
	std::vector<notice> got;
	message m(nullptr, nullptr, 0);
	m.hdr.msg_controllen = room;
	if (::recvmsg(s.fd(), &m.hdr, flags) != 0)
		return got;
	for (cmsghdr *c = CMSG_FIRSTHDR(&m.hdr); c; c = CMSG_NXTHDR(&m.hdr, c)) {
		rds_rdma_notify n{};
		if (c->cmsg_level != SOL_RDS || c->cmsg_type != RDS_CMSG_RDMA_STATUS ||
		    c->cmsg_len != CMSG_LEN(sizeof(n)))
			return {};
		std::memcpy(&n, CMSG_DATA(c), sizeof(n));
		got.push_back({n.user_token, n.status});
	}
	return got;
}

/* Waits for the next one. */
inline std::optional<notice> next_notice(sock &s)
{
	std::vector<notice> got;
	eventually([&] {
		got = take_notices(s, CMSG_SPACE(sizeof(rds_rdma_notify)), MSG_DONTWAIT);
		return !got.empty();
	});
	return got.empty() ? std::nullopt : std::optional<notice>(got[0]);
}

inline bool told(sock &s, std::uint64_t token, int status)
{
	auto got = next_notice(s);
	if (got == notice{token, status})
		return true;
	if (got)
		std::printf("# token %llu, status %d\n",
			    static_cast<unsigned long long>(got->token), got->status);
	return false;
}

/* A message, with the cookie that came along. */
struct offer {
	long length = -1;
	std::string text;
	std::optional<std::uint64_t> cookie;
	bool cookie_first = false;

	explicit offer(sock &s, int flags = 0)
	{
		std::array<char, 4096> room{};
		message m(nullptr, room.data(), room.size());
		length = m.receive(s, flags);
		text.assign(room.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
		if (const cmsghdr *c = m.find(SOL_RDS, RDS_CMSG_RDMA_DEST)) {
			std::uint64_t value = 0;
			std::memcpy(&value, CMSG_DATA(c), sizeof(value));
			cookie = value;
			cookie_first = c == CMSG_FIRSTHDR(&m.hdr);
		}
	}
};

/* Two sockets of the transport; the connections between them are up both ways. */
struct couple {
	sock a, b;
	endpoint at_a, at_b;

	couple() : couple(ip("10.96.0.1"), ip("10.96.0.2")) {}
	couple(const endpoint &one, const endpoint &two)
	    : a(one), b(two), at_a(a.name()), at_b(b.name())
	{
		a.set_timeout(SO_RCVTIMEO, patience_ms);
		b.set_timeout(SO_RCVTIMEO, patience_ms);
		up = a.send_text(at_b, "hello") == 5 && b.receives("hello") &&
		     b.send_text(at_a, "hello") == 5 && a.receives("hello");
	}
	bool up = false;

	/* b receives it, perhaps after others. */
	bool arrives(const std::string &text)
	{
		std::string got;
		while (b.receive(got) >= 0)
			if (got == text)
				return true;
		return false;
	}

	/* Memory of b's that a may use. */
	std::uint64_t region(const pages &memory, std::uint64_t flags = 0,
			     std::size_t off = 0) const
	{
		std::uint64_t cookie = 0;
		get_mr(b, region_args(memory.addr(off), memory.size() - off, &cookie, flags));
		return cookie;
	}
};

#endif
