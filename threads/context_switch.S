// The three functions of context_switch.h, by hand: a compiler offers no way to change stacks.
// A suspended context's stack holds, from its stack pointer upwards, the frame that
// smtni_switch_context pushes; smtni_prepare_context builds the same by hand, with the first
// function's address in a callee-saved register and context_entry as the place to return to.

#if defined(__x86_64__)

    .text

    .globl smtni_switch_context
    .type smtni_switch_context, @function
    .p2align 4
smtni_switch_context:
    .cfi_startproc
    pushq   %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq   %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq   %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq   %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq   %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq   %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    subq    $8, %rsp
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw  4(%rsp)
    movq    %rsp, (%rdi)
    // Both frames are laid out alike, so the unwinding rules stay true across this line.
    movq    %rsi, %rsp
    ldmxcsr (%rsp)
    fldcw   4(%rsp)
    addq    $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq    %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq    %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq    %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq    %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq    %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq    %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    // Not ret: the return predictor remembers the other computation's call and would always miss.
    popq    %rcx
    .cfi_adjust_cfa_offset -8
    .cfi_register %rip, %rcx
    jmpq    *%rcx
    .cfi_endproc
    .size smtni_switch_context, . - smtni_switch_context

    .globl smtni_prepare_context
    .type smtni_prepare_context, @function
    .p2align 4
smtni_prepare_context:
    .cfi_startproc
    leaq    -72(%rdi), %rax
    stmxcsr (%rax)
    fnstcw  4(%rax)
    movq    $0, 8(%rax)             // r15
    movq    $0, 16(%rax)            // r14
    movq    %rdx, 24(%rax)          // r13: argument
    movq    %rsi, 32(%rax)          // r12: run
    movq    $0, 40(%rax)            // rbx
    movq    $0, 48(%rax)            // rbp: ends a chain of frame pointers
    leaq    context_entry(%rip), %rcx
    movq    %rcx, 56(%rax)
    movq    $0, 64(%rax)
    ret
    .cfi_endproc
    .size smtni_prepare_context, . - smtni_prepare_context

    .type context_entry, @function
    .p2align 4
context_entry:
    .cfi_startproc
    .cfi_undefined %rip             // the outermost frame: an unwinder stops here
    movq    %r13, %rdi
    subq    $8, %rsp                // a multiple of 16 at the call
    callq   *%r12
    ud2
    .cfi_endproc
    .size context_entry, . - context_entry

    .globl smtni_call_on_stack
    .type smtni_call_on_stack, @function
    .p2align 4
smtni_call_on_stack:
    .cfi_startproc
    pushq   %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    movq    %rsp, %rbp
    .cfi_def_cfa_register %rbp
    movq    %rdx, %rsp
    callq   *%rsi
    movq    %rbp, %rsp
    popq    %rbp
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_endproc
    .size smtni_call_on_stack, . - smtni_call_on_stack

#elif defined(__aarch64__)

    .text

    .globl smtni_switch_context
    .type smtni_switch_context, %function
    .p2align 4
smtni_switch_context:
    .cfi_startproc
    sub     sp, sp, #176
    .cfi_adjust_cfa_offset 176
    stp     x19, x20, [sp, #0]
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    .cfi_rel_offset x29, 80
    .cfi_rel_offset x30, 88
    stp     d8, d9, [sp, #96]
    stp     d10, d11, [sp, #112]
    stp     d12, d13, [sp, #128]
    stp     d14, d15, [sp, #144]
    mrs     x9, fpcr
    str     x9, [sp, #160]
    mov     x10, sp
    str     x10, [x0]
    // Both frames are laid out alike, so the unwinding rules stay true across this line.
    mov     sp, x1
    ldr     x10, [sp, #160]
    cmp     x9, x10
    b.eq    1f                      // writing the register is dear, and seldom changes it
    msr     fpcr, x10
1:
    ldp     x19, x20, [sp, #0]
    ldp     x21, x22, [sp, #16]
    ldp     x23, x24, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x27, x28, [sp, #64]
    ldp     x29, x30, [sp, #80]
    .cfi_restore x29
    .cfi_restore x30
    ldp     d8, d9, [sp, #96]
    ldp     d10, d11, [sp, #112]
    ldp     d12, d13, [sp, #128]
    ldp     d14, d15, [sp, #144]
    add     sp, sp, #176
    .cfi_adjust_cfa_offset -176
    // Not ret: the return predictor remembers the other computation's call and would always miss.
    br      x30
    .cfi_endproc
    .size smtni_switch_context, . - smtni_switch_context

    .globl smtni_prepare_context
    .type smtni_prepare_context, %function
    .p2align 4
smtni_prepare_context:
    .cfi_startproc
    sub     x9, x0, #176
    stp     x1, x2, [x9, #0]        // x19: run, x20: argument
    adr     x10, context_entry
    stp     xzr, x10, [x9, #80]     // x29: ends a chain of frame pointers; x30
    stp     xzr, xzr, [x9, #96]     // d8 to d15: no stale bits of this stack's last user
    stp     xzr, xzr, [x9, #112]
    stp     xzr, xzr, [x9, #128]
    stp     xzr, xzr, [x9, #144]
    mrs     x10, fpcr
    str     x10, [x9, #160]
    mov     x0, x9
    ret
    .cfi_endproc
    .size smtni_prepare_context, . - smtni_prepare_context

    .type context_entry, %function
    .p2align 4
context_entry:
    .cfi_startproc
    .cfi_undefined x30              // the outermost frame: an unwinder stops here
    mov     x0, x20
    blr     x19
    brk     #1
    .cfi_endproc
    .size context_entry, . - context_entry

    .globl smtni_call_on_stack
    .type smtni_call_on_stack, %function
    .p2align 4
smtni_call_on_stack:
    .cfi_startproc
    stp     x29, x30, [sp, #-16]!
    .cfi_adjust_cfa_offset 16
    .cfi_rel_offset x29, 0
    .cfi_rel_offset x30, 8
    mov     x29, sp
    .cfi_def_cfa_register x29
    mov     sp, x2
    blr     x1
    mov     sp, x29
    .cfi_def_cfa_register sp
    ldp     x29, x30, [sp], #16
    .cfi_adjust_cfa_offset -16
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size smtni_call_on_stack, . - smtni_call_on_stack

#else
#error "no context switch for this processor"
#endif

    .section .note.GNU-stack, "", %progbits
