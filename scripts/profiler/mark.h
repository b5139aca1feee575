/* SPDX-License-Identifier: GPL-2.0 */
/* A no-operation with a displacement that no compiler emits: nopl 0x51534452(%rax), nopl 0x50534452(%rax). */
#define MARK_BYTES 7
#define MARK_CODE  "\x0f\x1f\x80RDS"
#define MARK_START 'Q'
#define MARK_STOP  'P'
