// Page frames, each with a count of who uses it.
#pragma once
#include "types.h"

void frames_init(void);
gpa take_low(void);  // mapped for good: tables, stacks. Zeroed.
gpa take_any(void);  // for users. Not zeroed.
void share_frame(gpa frame);
void drop_frame(gpa frame); // free when it was the last user
u32 frame_users(gpa frame);
u32 frames_free(void);
