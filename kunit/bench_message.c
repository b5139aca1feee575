// SPDX-License-Identifier: GPL-2.0
/* The workbench: messages with control data, and payload in pages whose references are counted. */
#include <linux/bvec.h>
#include <linux/inet.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "bench.h"

struct bench_pages {
	unsigned int nr;
	struct bio_vec vec[];
};

struct bench_pages *bench_pages_make(unsigned int nr)
{
	struct bench_pages *p = kzalloc(struct_size(p, vec, nr), GFP_KERNEL);

	if (!p)
		return NULL;
	for (; p->nr < nr; p->nr++) {
		struct page *page = alloc_page(GFP_KERNEL);

		if (!page) {
			bench_pages_free(p);
			return NULL;
		}
		bvec_set_page(&p->vec[p->nr], page, PAGE_SIZE, 0);
	}
	return p;
}

void bench_pages_free(struct bench_pages *p)
{
	while (p->nr)
		put_page(p->vec[--p->nr].bv_page);
	kfree(p);
}

void *bench_page(struct bench_pages *p, unsigned int i)
{
	return page_address(p->vec[i].bv_page);
}

unsigned int bench_pages_held(struct bench_pages *p)
{
	unsigned int i, held = 0;

	for (i = 0; i < p->nr; i++)
		held += page_count(p->vec[i].bv_page) - 1;
	return held;
}

size_t bench_control_add(void *buf, size_t used, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *cmsg = buf + used;

	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), data, len);
	return used + CMSG_SPACE(len);
}

const void *bench_control_find(void *buf, size_t used, int level, int type)
{
	struct msghdr msg = {.msg_control = buf, .msg_controllen = used};
	struct cmsghdr *cmsg;

	for_each_cmsghdr(cmsg, &msg)
	{
		if (!CMSG_OK(&msg, cmsg))
			return NULL;
		if (cmsg->cmsg_level == level && cmsg->cmsg_type == type)
			return CMSG_DATA(cmsg);
	}
	return NULL;
}

long bench_sendmsg(struct socket *sock, struct bench_message *m)
{
	struct sockaddr_in name = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(m->addr),
		.sin_port = htons(m->port),
	};
	struct msghdr msg = {
		.msg_name = m->addr ? &name : NULL,
		.msg_namelen = m->addr ? sizeof(name) : 0,
		.msg_control = m->control,
		.msg_controllen = m->control ? m->control_len : 0,
		.msg_flags = m->flags,
	};
	struct kvec vec = {.iov_base = m->buf, .iov_len = m->len};

	if (!m->pages)
		return kernel_sendmsg(sock, &msg, &vec, 1, m->len);
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, m->pages->vec, m->pages->nr, m->off + m->len);
	iov_iter_advance(&msg.msg_iter, m->off);
	return sock_sendmsg(sock, &msg);
}

long bench_recvmsg(struct socket *sock, struct bench_message *m)
{
	struct sockaddr_in name = {};
	struct msghdr msg = {
		.msg_name = &name,
		.msg_control = m->control,
		.msg_controllen = m->control_len,
	};
	struct kvec vec = {.iov_base = m->buf, .iov_len = m->len};
	long n = kernel_recvmsg(sock, &msg, &vec, 1, m->len, m->flags);

	m->control_len -= msg.msg_controllen;
	m->got_flags = msg.msg_flags;
	m->addr = ntohl(name.sin_addr.s_addr);
	m->port = ntohs(name.sin_port);
	return n;
}

void bench_zerocopy(struct socket *sock, bool on)
{
	sock_valbool_flag(sock->sk, SOCK_ZEROCOPY, on);
}
