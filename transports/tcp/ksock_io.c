// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel side of rds_tcp: bytes into and out of TCP sockets. See ksock.h. All that differs between
 * kernels on this path is in send_pages().
 */
#include <linux/bvec.h>
#include <linux/skbuff.h>
#include <linux/uio.h>
#include <linux/version.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "kernel/seam.h"
#include "ksock.h"

#define SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL)

/* ---- sending ---- */

u32 ksock_next_seq(const struct socket *sock)
{
	return READ_ONCE(tcp_sk(sock->sk)->write_seq);
}

u32 ksock_una(const struct socket *sock)
{
	return READ_ONCE(tcp_sk(sock->sk)->snd_una);
}

bool ksock_has_room(const struct socket *sock)
{
	const struct sock *sk = sock->sk;

	return READ_ONCE(sk->sk_wmem_queued) <= READ_ONCE(sk->sk_sndbuf) / 2;
}

static int send_copied(struct sock *sk, const struct ksock_out *out)
{
	struct msghdr msg = {.msg_flags = SEND_FLAGS | (out->more || out->bytes ? MSG_MORE : 0)};
	struct kvec vec[2];
	unsigned int nr = 0;

	if (out->head_len)
		vec[nr++] = (struct kvec){(void *)out->head, out->head_len};
	if (out->body_len)
		vec[nr++] = (struct kvec){(void *)out->body, out->body_len};
	return kernel_sendmsg_locked(sk, &msg, vec, nr, out->head_len + out->body_len);
}

/* The pieces through one iterator, copied or (where the kernel can) spliced. */
static int send_iter(struct sock *sk, const struct ksock_out *out, unsigned int flags,
		     struct ubuf_info *hold)
{
	struct msghdr msg = {
		.msg_flags = SEND_FLAGS | flags | (out->more ? MSG_MORE : 0),
		.msg_ubuf = hold,
	};

	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, out->pieces, out->nr_pieces,
		      out->skip + out->bytes);
	iov_iter_advance(&msg.msg_iter, out->skip);
	return tcp_sendmsg_locked(sk, &msg, out->bytes);
}

/* TCP takes references to the pages. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
static int send_pages(struct sock *sk, const struct ksock_out *out)
{
	return send_iter(sk, out, MSG_SPLICE_PAGES, NULL);
}
#else
static int send_pages(struct sock *sk, const struct ksock_out *out)
{
	u32 skip = out->skip, left = out->bytes, sent = 0;
	unsigned int i;

	for (i = 0; i < out->nr_pieces && left; i++, skip = 0) {
		const struct bio_vec *bv = &out->pieces[i];
		u32 len = min(bv->bv_len - skip, left);
		/* not the last: TCP fills whole packets before it looks at sending */
		int flags = SEND_FLAGS | (out->more || len < left ? MSG_MORE : 0) |
			    (len < left ? MSG_SENDPAGE_NOTLAST : 0);
		int ret = kernel_sendpage_locked(sk, bv->bv_page, bv->bv_offset + skip, len, flags);

		if (ret <= 0)
			return sent ?: ret;
		sent += ret;
		left -= ret;
		if (ret < len)
			break;
	}
	return sent;
}
#endif

/* Memory that has no page references of its own (slab) must be copied. */
static bool may_be_referenced(const struct ksock_out *out)
{
	unsigned int i;

	for (i = 0; i < out->nr_pieces; i++)
		if (!sendpage_ok(out->pieces[i].bv_page))
			return false;
	return true;
}

/* TCP's buffers keep the message, and those that stay on this machine copy its pages. */
static int send_lent(struct sock *sk, const struct ksock_out *out)
{
	struct ubuf_info *hold = kernel_message_hold(out->lender);
	int ret;

	if (!hold)
		return -ENOMEM;
	ret = send_iter(sk, out, MSG_ZEROCOPY, hold);
	kernel_message_release(hold);
	return ret;
}

static int send_pieces(struct sock *sk, const struct ksock_out *out)
{
	if (out->lender)
		return send_lent(sk, out);
	if (!may_be_referenced(out))
		return send_iter(sk, out, 0, NULL);
	return send_pages(sk, out);
}

int ksock_send(struct socket *sock, struct ksock_out *out, u8 *full)
{
	struct sock *sk = sock->sk;
	u32 copied = out->head_len + out->body_len;
	int ret = 0, sent = 0;

	lock_sock(sk);
	/* TCP reports space and acknowledgements only while this is set */
	set_bit(SOCK_NOSPACE, &sock->flags);
	if (copied) {
		ret = send_copied(sk, out);
		sent = max(ret, 0);
	}
	if (sent == copied && out->bytes) {
		ret = send_pieces(sk, out);
		sent += max(ret, 0);
	}
	/*
	 * Acknowledgements are not processed until release_sock(), so none is missed between the
	 * attempt and the mark. With nothing under way none would come: that was lack of memory.
	 */
	if (sent < copied + out->bytes && (ret >= 0 || ret == -EAGAIN)) {
		*full = 1;
		ret = sk->sk_wmem_queued ? -EAGAIN : -ENOMEM;
	}
	out->nearly_full = sk->sk_wmem_queued / 3 > sk->sk_sndbuf / 4;
	release_sock(sk);
	return sent ?: ret;
}

void ksock_push(struct socket *sock)
{
	tcp_sock_set_cork(sock->sk, false);
}

/* ---- receiving ---- */

struct reading {
	struct sock *sk;
	struct ksock_user *user;
	gfp_t gfp;
	int err;
};

/* So many without a pause, and there will be more. */
#define STREAK 16

static bool is_stream(struct ksock_user *user)
{
	if (jiffies - user->read_at > 1)
		user->streak = 0;
	user->read_at = jiffies;
	if (user->streak >= STREAK)
		return true;
	user->streak++;
	return false;
}

/*
 * Before TCP looks at what it owes: once all is read, tcp_read_sock() acknowledges when two small
 * packets (PUSHED2) have come, or one and nothing is sent in the other direction. In a stream it is
 * left to the next tick. Only in a stream: the peer's TCP, with several packets under way and
 * nothing more to send, takes them for lost not much later, and repeats one.
 */
static void pace_acks(struct sock *sk, struct ksock_user *user)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	bool stream = is_stream(user);

	icsk->icsk_delack_max = 1;
	if (user->acks == KSOCK_ACKS_LATER) {
		if (!stream)
			return;
		icsk->icsk_ack.pending &= ~(ICSK_ACK_PUSHED | ICSK_ACK_PUSHED2);
		user->acked = tcp_sk(sk)->rcv_wup;
	} else if (user->acked == tcp_sk(sk)->rcv_wup) {
		icsk->icsk_ack.pending |= ICSK_ACK_PUSHED2;
	}
}

static int read_segment(read_descriptor_t *desc, struct sk_buff *skb, unsigned int off, size_t len)
{
	struct reading *r = desc->arg.data;
	u32 used = rds_tcp_segment(r->user, skb, off, len, r->gfp, &r->err);

	if (r->user->acks)
		pace_acks(r->sk, r->user);
	if (r->err)
		desc->count = 0;
	return used;
}

int ksock_read(struct socket *sock, struct ksock_user *user, gfp_t gfp)
{
	struct reading r = {.sk = sock->sk, .user = user, .gfp = gfp};
	read_descriptor_t desc = {.arg.data = &r, .count = 1};

	ksock_assert_locked(sock);
	tcp_read_sock(sock->sk, &desc, read_segment);
	return r.err;
}

/* Where @len bytes lie in one piece, if that is easily said: in all but few segments. */
static const void *find_bytes(const struct sk_buff *skb, u32 off, u32 len)
{
	u32 head = skb_headlen(skb);
	const skb_frag_t *frag = &skb_shinfo(skb)->frags[0];
	const void *page;

	if (off + len <= head)
		return skb->data + off;
	if (off < head || !skb_shinfo(skb)->nr_frags || off - head + len > skb_frag_size(frag))
		return NULL;
	page = skb_frag_address_safe(frag);
	return page ? page + (off - head) : NULL;
}

void ksock_copy(const struct sk_buff *skb, u32 off, void *to, u32 len)
{
	const void *bytes = find_bytes(skb, off, len);

	if (likely(bytes)) {
		memcpy(to, bytes, len);
		return;
	}
	/* TCP said how much there is */
	WARN_ON_ONCE(skb_copy_bits(skb, off, to, len));
}

/*
 * One link of a chain: a clone of a segment, or a buffer of ours with what was copied. Which part
 * belongs to the message stands in the control block, which is ours.
 */
struct stretch {
	u32 off;
	u32 len;
	bool copied;
};

static struct stretch *stretch_of(const struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct stretch) > sizeof(skb->cb));
	return (struct stretch *)skb->cb;
}

static void chain_append(struct ksock_chain *chain, struct sk_buff *skb, struct stretch s)
{
	*stretch_of(skb) = s;
	skb->next = NULL;
	if (chain->tail)
		chain->tail->next = skb;
	else
		chain->head = skb;
	chain->tail = skb;
	chain->memory += skb->truesize;
}

/*
 * A clone keeps the whole segment: for a few bytes of it, a copy is what bounds the memory. The
 * first buffer is small, in case that clones follow.
 */
#define FIRST_COPY_BUFFER 256
#define COPY_BUFFER	  4096

static int chain_copy_in(struct ksock_chain *chain, const struct sk_buff *skb, u32 off, u32 len,
			 gfp_t gfp)
{
	struct sk_buff *to = chain->tail;

	if (!to || !stretch_of(to)->copied || skb_tailroom(to) < len) {
		bool goes_on = to && stretch_of(to)->copied;

		to = alloc_skb(max_t(u32, len, goes_on ? COPY_BUFFER : FIRST_COPY_BUFFER), gfp);
		if (!to)
			return -ENOMEM;
		chain_append(chain, to, (struct stretch){.copied = true});
	}
	ksock_copy(skb, off, skb_put(to, len), len);
	stretch_of(to)->len += len;
	return 0;
}

int ksock_chain_add(struct ksock_chain *chain, struct sk_buff *skb, u32 off, u32 len, gfp_t gfp)
{
	struct sk_buff *clone;

	if (skb->truesize / 4 > len)
		return chain_copy_in(chain, skb, off, len, gfp);
	clone = skb_clone(skb, gfp);
	if (!clone)
		return -ENOMEM;
	chain_append(chain, clone, (struct stretch){.off = off, .len = len});
	return 0;
}

void ksock_chain_free(struct ksock_chain *chain)
{
	struct sk_buff *skb, *next;

	for (skb = chain->head; skb; skb = next) {
		next = skb->next;
		skb->next = NULL;
		consume_skb(skb);
	}
	*chain = (struct ksock_chain){};
}

void ksock_chain_copy(const struct ksock_chain *chain, u32 off, void *to, u32 len)
{
	const struct sk_buff *skb;

	for (skb = chain->head; skb && len; skb = skb->next) {
		const struct stretch *s = stretch_of(skb);
		u32 part;

		if (off >= s->len) {
			off -= s->len;
			continue;
		}
		part = min(s->len - off, len);
		ksock_copy(skb, s->off + off, to, part);
		to += part;
		len -= part;
		off = 0;
	}
}

int ksock_chain_to_iter(const struct ksock_chain *chain, u32 len, struct iov_iter *to)
{
	const struct sk_buff *skb;
	u32 done = 0;

	len = min_t(size_t, len, iov_iter_count(to));
	for (skb = chain->head; skb && done < len; skb = skb->next) {
		const struct stretch *s = stretch_of(skb);
		u32 part = min(s->len, len - done);

		if (skb_copy_datagram_iter(skb, s->off, to, part))
			return -EFAULT;
		done += part;
	}
	return done;
}
