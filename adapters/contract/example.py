"""The values that the examples of all fields share: one picture of a horse, its certificate by profile `mini`, a task.

The certificate is a real one: put together from the examples of its fields, it verifies.
"""

IMAGE_DIGEST = "e8651f68e14f18608a37e1c592fa4c32a84a497704aed2559c7553d9e8f377b0"
"""Of the canonical tensor."""
FILE_DIGEST = "b90ed8702cc611e449e9006f78c23cddc0272dfb8cfe0f6200746c2ed4aae60d"
FINGERPRINT = "a9dd505568548bddd1f8dc849bc868d4b5681faee37d2d1a1b69a8792226b9e7"
MODELS_DIGEST = "c17fc8f2a44446700479f407810de3497300d6cb307f0e0379c76d64c16a2bd2"
ADAPTATION_DIGEST = "9f2c" * 16
PUBLIC_KEY = "f3bf080dab0bc1b8daf097e5b6333384a48dbef72e88d35398d55d4ba8f2c289"
SMALL_PICTURE = "RIFF\x16\0\0\0WEBPVP8L\t\0\0\0/\x01@\0\0hQF\x06\0"
"""A WebP file of 2 x 2 pixels that has bytes below 128 alone: as an example of a form, a file has to be text."""
SMALL_PICTURE_BASE64 = "UklGRhYAAABXRUJQVlA4TAkAAAAvAUAAAGhRRgYA"

LABELS = ("cat", "horse")
TASK_NAME = "animals"
TASK_ID = "ee9c1331c074457b"
JOB_ID = "q7m2x9d4k1v8c3n6b5z0h2j4w8"
