//! What a session does, told as stories.
