/* Input: SQL text. It comes to its end, in statements that lie one behind the other inside it. */
#include "proto/sqlsplit.h"
#include "tests/fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader text = reader_over(bytes_of(data, size));
    const uint8_t *behind = data;
    for (struct bytes statement; sqlsplit_next(&text, &statement);) {
        HOLDS(statement.data >= behind && statement.len > 0);
        behind = statement.data + statement.len;
        HOLDS(behind <= data + size && text.at >= behind);
    }
    HOLDS(reader_ok(&text) && text.left == 0);
    return 0;
}
