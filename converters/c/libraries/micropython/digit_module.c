/* A native module of MicroPython: digit_reader.read(gray, width, height). */
#include "py/dynruntime.h"

#include "digit.h"

/* Compilers call these for copies of structures; MicroPython has them in a table. */
#if !defined(__linux__)
void *memcpy(void *to, const void *from, size_t count)
{
    return mp_fun_table.memmove_(to, from, count);
}

void *memset(void *to, int value, size_t count)
{
    return mp_fun_table.memset_(to, value, count);
}
#endif

/* Returns (status, digit, confidence): see digit.h. */
static mp_obj_t read(mp_obj_t gray, mp_obj_t width, mp_obj_t height)
{
    const mp_int_t columns = mp_obj_get_int(width), rows = mp_obj_get_int(height);
    mp_buffer_info_t buffer;
    digit_workspace *workspace;
    digit_reading reading = {-1, 0};
    mp_obj_t result[3];
    int status;
    mp_get_buffer_raise(gray, &buffer, MP_BUFFER_READ);
    if (columns < 1 || rows < 1 || columns > DIGIT_MAX_SIDE || rows > DIGIT_MAX_SIDE ||
        buffer.len < (size_t)(columns * rows)) {
        mp_raise_ValueError(MP_ERROR_TEXT("expected width * height bytes"));
    }
    /* Of each call: the garbage collector does not look for it in the module's own memory. */
    workspace = m_new(digit_workspace, 1);
    status = digit_read(workspace, (const uint8_t *)buffer.buf, (int)columns, (int)rows, &reading);
    m_del(digit_workspace, workspace, 1);
    result[0] = mp_obj_new_int(status);
    result[1] = mp_obj_new_int(reading.digit);
    result[2] = mp_obj_new_int(reading.confidence);
    return mp_obj_new_tuple(3, result);
}
static MP_DEFINE_CONST_FUN_OBJ_3(read_obj, read);

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args)
{
    MP_DYNRUNTIME_INIT_ENTRY
    mp_store_global(MP_QSTR_read, MP_OBJ_FROM_PTR(&read_obj));
    MP_DYNRUNTIME_INIT_EXIT
}
