// SPDX-License-Identifier: GPL-2.0
/*
 * sysctls and module parameters: which there are, their modes and defaults, what they take. Each is put back.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <vector>

#include "topics.h"

namespace {

const std::string folder = "/proc/sys/net/rds/";

std::string read_file(const std::string &path)
{
	char text[64] = "";
	int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return result_text(-errno);
	long n = ::read(fd, text, sizeof(text) - 1);
	::close(fd);
	std::string all(text, n > 0 ? static_cast<std::size_t>(n) : 0);
	if (!all.empty() && all.back() == '\n')
		all.pop_back();
	return all;
}

long write_file(const std::string &path, const std::string &text)
{
	int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	long n = result_of(::write(fd, text.data(), text.size()));
	::close(fd);
	return n < 0 ? n : 0;
}

std::string mode(const std::string &path)
{
	struct stat st;
	char text[8];
	if (::stat(path.c_str(), &st))
		return result_text(-errno);
	std::snprintf(text, sizeof(text), "%04o", st.st_mode & 07777);
	return text;
}

std::string list(const std::string &path)
{
	std::vector<std::string> names;
	std::string text;
	DIR *dir = ::opendir(path.c_str());
	if (!dir)
		return result_text(-errno);
	while (const dirent *entry = ::readdir(dir))
		if (entry->d_name[0] != '.')
			names.push_back(entry->d_name);
	::closedir(dir);
	std::sort(names.begin(), names.end());
	for (const std::string &name : names)
		text += (text.empty() ? "" : " ") + name;
	return text;
}

void rows_listed(tap &t, const world &w)
{
	t.section("settings");
	t.same("net/rds",
	       w.user ? "tcp"
		      : "max_unacked_bytes max_unacked_packets ping_enable reconnect_max_delay_ms "
			"reconnect_min_delay_ms tcp",
	       list(folder));
	t.same("net/rds/tcp", "rds_tcp_rcvbuf rds_tcp_sndbuf", list(folder + "tcp"));
	t.same("pf_rds", "ENOENT", read_file(folder + "pf_rds"));
	t.same("sol_rds", "ENOENT", read_file(folder + "sol_rds"));
	for (const char *name : {"rds_tcp_rcvbuf", "rds_tcp_sndbuf"}) {
		t.same(name, "0", read_file(folder + "tcp/" + name));
		t.same("... mode", "0644", mode(folder + "tcp/" + name));
	}
	t.same("send_batch_count", "1024",
	       read_file("/sys/module/rds/parameters/send_batch_count"));
	t.same("... mode", "0444", mode("/sys/module/rds/parameters/send_batch_count"));
	t.skip("net/rds/ib, parameters of rds_rdma", "no RDMA device here");
}

/* Those of the first namespace. */
void rows_core(tap &t)
{
	struct {
		const char *name, *normal;
		std::vector<std::pair<const char *, long>> values;
	} rows[] = {
		{"max_unacked_packets",
		 "8",
		 {{"0", 0}, {"-1", 0}, {"2147483647", 0}, {"2147483648", -EINVAL}, {"x", -EINVAL}}},
		{"max_unacked_bytes",
		 "16777216",
		 {{"0", 0}, {"-1", 0}, {"2147483647", 0}, {"2147483648", -EINVAL}, {"x", -EINVAL}}},
		{"ping_enable",
		 "1",
		 {{"0", 0}, {"-1", 0}, {"5", 0}, {"2147483648", -EINVAL}, {"x", -EINVAL}}},
		{"reconnect_max_delay_ms",
		 "1000",
		 {{"0", -EINVAL}, {"1", -EINVAL}, {"-1", -EINVAL}, {"5000", 0}, {"x", -EINVAL}}},
	};

	for (const auto &row : rows) {
		t.section(std::string("settings, ") + row.name);
		t.same("default", row.normal, read_file(folder + row.name));
		t.same("mode", "0644", mode(folder + row.name));
		for (const auto &[value, expected] : row.values) {
			std::string before = read_file(folder + row.name);
			t.is(std::string("write ") + value, expected,
			     write_file(folder + row.name, value));
			t.same("... reads", expected ? before : value,
			       read_file(folder + row.name));
		}
		t.is("put back", 0, write_file(folder + row.name, row.normal));
	}

	t.section("settings, reconnect_min_delay_ms");
	std::string name = folder + "reconnect_min_delay_ms", normal = read_file(name);
	t.ok("default is one tick", normal == "1" || normal == "4" || normal == "10");
	t.is("write 500", 0, write_file(name, "500"));
	t.same("... reads", "500", read_file(name));
	t.is("write less than a tick", -EINVAL, write_file(name, "0"));
	t.is("write more than the longest", -EINVAL, write_file(name, "2000"));
	t.is("the longest, less than that", -EINVAL,
	     write_file(folder + "reconnect_max_delay_ms", "400"));
	t.is("put back", 0, write_file(name, normal));
}

/* A ping while they are not answered, and when they are again. */
void rows_ping(tap &t, const world &w)
{
	t.section("settings, ping_enable");
	sock s(w.near);
	std::string got;

	write_file(folder + "ping_enable", "0");
	t.is("off, ping", 1, s.send(w.near.with_port(0), 1));
	write_file(folder + "ping_enable", "1");
	t.is("on, ping", 1, s.send(w.near.with_port(0), 1));
	t.is("... is answered", 0, s.receive(got));
	t.is("... only once", -EAGAIN, s.receive(got, MSG_DONTWAIT));
}

/* In a namespace of its own: it cannot be put back. What the n-th write came to, as a number. */
void rows_tcp(tap &t)
{
	t.section("settings, tcp");
	struct {
		const char *name, *least, *less;
	} rows[] = {{"rds_tcp_sndbuf", "4608", "4607"}, {"rds_tcp_rcvbuf", "2304", "2303"}};

	for (const auto &row : rows) {
		std::string path = folder + "tcp/" + row.name;
		auto in_namespace = [&](auto call) {
			background child([&]() -> long {
				return ::unshare(CLONE_NEWNET) ? -errno : call();
			});
			return child.result();
		};
		auto put = [&](const char *value) {
			return in_namespace([&] { return write_file(path, value); });
		};
		t.is(std::string(row.name) + " in a new namespace", 0,
		     in_namespace([&] { return std::stol(read_file(path)); }));
		t.is("... the least", 0, put(row.least));
		t.is("... less", -EINVAL, put(row.less));
		t.is("... negative", -EINVAL, put("-1"));
		t.is("... no number", -EINVAL, put("x"));
		t.is("... reads", 100000, in_namespace([&] {
			     write_file(path, "100000");
			     return std::stol(read_file(path));
		     }));
		t.is("... 0 again", 0, in_namespace([&] {
			     write_file(path, "100000");
			     return write_file(path, "0");
		     }));
		t.same("... and not here", "0", read_file(path));
	}
}

} // namespace

void topic_settings(tap &t, const world &w)
{
	rows_listed(t, w);
	rows_tcp(t);
	if (w.user)
		return t.skip("those of the first namespace", "it is not ours");
	rows_core(t);
	rows_ping(t, w);
}
