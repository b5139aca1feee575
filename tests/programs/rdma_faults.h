// SPDX-License-Identifier: GPL-2.0
/*
 * Rows of rds-rdma about what fails half-way: each allocation and each copy in turn, where the
 * kernel can do that; and loops after which nothing may be left.
 */
#ifndef TESTS_PROGRAMS_RDMA_FAULTS_H
#define TESTS_PROGRAMS_RDMA_FAULTS_H

#include "rdma_notices.h"

/* This thread's faults: /proc/thread-self/fail-nth. */
class fault_injection {
public:
	fault_injection() : fd_(::open("/proc/thread-self/fail-nth", O_RDWR)) {}
	fault_injection(const fault_injection &) = delete;
	~fault_injection() { ::close(fd_); }
	explicit operator bool() const { return fd_ >= 0; }
	void arm(int nth) { put(nth); }
	/* Return: it came to that. */
	bool disarm()
	{
		std::array<char, 16> text{};
		ssize_t n = ::pread(fd_, text.data(), text.size() - 1, 0);
		bool hit = n > 0 && std::atoi(text.data()) == 0;
		put(0);
		return hit;
	}

private:
	void put(int nth)
	{
		std::string text = std::to_string(nth);
		(void)!::pwrite(fd_, text.data(), text.size(), 0);
	}
	int fd_;
};

/*
 * @call with the first, the second ... fault, until none comes any more. It says what a fault may
 * make of it, and @after finds that nothing is left.
 */
template <typename C, typename A>
void rows_fault(tap &t, const std::string &name, C call, A after)
{
	fault_injection faults;
	int nth = 1, failed = 0;
	bool hit = true, good = true;

	for (; hit && good && nth < 300; nth++) {
		faults.arm(nth);
		long r = call();
		hit = faults.disarm();
		failed += r < 0;
		good = r >= 0 || (hit && (r == -ENOMEM || r == -EFAULT || r == -EAGAIN));
		if (!good)
			std::printf("# fault %d: %s\n", nth, result_text(r).c_str());
		good = after(r) && good;
	}
	t.ok(name + ": " + std::to_string(nth - 2) + " faults", good && !hit && failed);
}

inline void rows_faults(tap &t)
{
	t.section("faults");
	if (!fault_injection()) {
		t.skip("each allocation and copy fails in turn", "this kernel has no fail-nth");
		return;
	}
	couple p;
	pages local(3), remote(3);
	std::uint64_t cookie = 0, keep = p.region(remote);

	auto mr = region_args(remote.addr(), 3 * page, &cookie);
	rdma op(keep, local.addr(), 3 * page, to_peer, 5);
	rds_atomic_args atomic{};
	atomic.cookie = keep;
	atomic.local_addr = local.addr();
	atomic.flags = RDS_RDMA_NOTIFY_ME;
	atomic.user_token = 5;
	auto clean = [&] {
		return eventually([&] {
			return counter("regions") == 1 && !counter("operations") &&
			       pinned_pages() == 3;
		});
	};
	auto told_if = [&](long r) { return r < 0 || told(p.a, 5, RDS_RDMA_SUCCESS); };

	rows_fault(
		t, "GET_MR", [&] { return get_mr(p.b, mr); },
		[&](long r) { return (r < 0 || free_mr(p.b, cookie) == 0) && clean(); });
	rows_fault(
		t, "MAP", [&] { return send_control(p.b, p.at_a, RDS_CMSG_RDMA_MAP, mr, "x"); },
		[&](long r) { return (r < 0 || free_mr(p.b, cookie) == 0) && clean(); });
	rows_fault(
		t, "DEST", [&] { return send_control(p.b, p.at_a, RDS_CMSG_RDMA_DEST, keep, "x"); },
		[&](long) { return clean(); });
	rows_fault(
		t, "ARGS", [&] { return op.send(p.a, p.at_b, "x"); },
		[&](long r) { return told_if(r) && clean(); });
	rows_fault(
		t, "atomic",
		[&] { return send_control(p.a, p.at_b, RDS_CMSG_ATOMIC_FADD, atomic, "x"); },
		[&](long r) { return told_if(r) && clean(); });
	rows_fault(
		t, "notifications",
		[&] {
			op.send(p.a, p.at_b);
			idle();
			message m(nullptr, nullptr, 0);
			return m.receive(p.a, MSG_DONTWAIT);
		},
		[&](long) {
			take_notices(p.a, 4096, MSG_DONTWAIT);
			return clean();
		});
}

inline void rows_loops(tap &t, int rounds)
{
	t.section("loops");
	couple p;
	constexpr std::size_t huge = 2 << 20;
	void *room = ::mmap(nullptr, 2 * huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	auto *thp = reinterpret_cast<std::uint8_t *>((address_of(room) + huge - 1) & ~(huge - 1));
	::madvise(thp, huge, MADV_HUGEPAGE);
	std::memset(thp, 1, huge);
	pages small(8), other(8);
	bool good = true;

	/* 1 */
	for (int i = 0; i < rounds && good; i++) {
		std::uint64_t cookie = 0;
		bool large = i % 2;
		good = get_mr(p.b, region_args(large ? address_of(thp) : small.addr(),
					       large ? 1 << 20 : 8 * page, &cookie)) == 0 &&
		       free_mr(p.b, cookie, i % 3 ? 0 : RDS_RDMA_INVALIDATE) == 0;
	}
	t.ok("register and free", good);
	t.ok("register and free: nothing stays pinned (1)", settled() && pinned(0));

	/* a request, its cookie, the answer by RDMA: as rds-stress does it */
	for (int i = 0; i < rounds && good; i++) {
		std::uint64_t cookie = 0;
		auto args = region_args(small.addr(), 8 * page, &cookie, RDS_RDMA_USE_ONCE);
		good = send_control(p.b, p.at_a, RDS_CMSG_RDMA_MAP, args, "request") == 7;
		offer got(p.a);
		if (!good || !got.cookie)
			break;
		std::uint64_t token = static_cast<std::uint64_t>(i) << 32 | 5;
		rdma op(*got.cookie, other.addr(), 8 * page, i % 2 ? to_peer : from_peer, token);
		good = op.send(p.a, p.at_b, "answer") == 6 && told(p.a, token, RDS_RDMA_SUCCESS) &&
		       p.b.receives("answer") && free_mr(p.b, cookie) == -EINVAL;
	}
	t.ok("request and answer", good);
	t.ok("request and answer: nothing is left", settled() && pinned(0));

	/* file-backed targets are dirtied where that may sleep: 28 */
	int fd = ::open("/tmp/rds-rdma.file", O_RDWR | O_CREAT, 0600);
	good = fd >= 0 && ::ftruncate(fd, 8 * page) == 0;
	void *file = ::mmap(nullptr, 8 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	std::uint64_t source = p.region(other);
	other.fill(5);
	for (int i = 0; i < rounds / 4 + 1 && good; i++) {
		rdma op(source, address_of(file), 8 * page, from_peer, 1);
		long r = op.send(p.a, p.at_b);
		/* some file systems' pages may not be pinned for long */
		if (r == -EFAULT)
			break;
		good = r == 0 && told(p.a, 1, RDS_RDMA_SUCCESS) &&
		       !std::memcmp(file, other.get(), 8 * page);
	}
	t.ok("reads into a file (28)", good);
	::munmap(file, 8 * page);
	::close(fd);

	/* drops at any time: everything ends, and is told once */
	int notices = 0, sent = 0;
	for (int i = 0; i < rounds; i++) {
		rdma op(source, small.addr(), 8 * page, to_peer, 1);
		sent += op.send(p.a, p.at_b, "x") == 1;
		if (i % 5 == 4)
			set_parameter("drop", 1);
	}
	bool all = eventually([&] {
		notices += static_cast<int>(take_notices(p.a, 4096, MSG_DONTWAIT).size());
		return notices >= sent;
	});
	t.ok("under drops each is told once", all && notices == sent && silence(p.a));
	free_mr(p.b, source);
	t.ok("under drops: nothing stays pinned", settled() && pinned(0));
	::munmap(room, 2 * huge);
}

#endif
