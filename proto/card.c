/* The card: a record as one line of text. */
#include <errno.h>

#include "proto/armour.h"
#include "proto/record.h"

static const char PREFIX[] = "hearsay1:";

int card_encode(struct bytes frame, char *text, size_t room)
{
    return frame.len > RECORD_FRAME_MAX ? -ENOBUFS : armour_encode(PREFIX, frame, text, room);
}

int card_decode(const char *text, uint8_t *frame, size_t *len)
{
    return armour_decode(PREFIX, text, frame, len);
}
