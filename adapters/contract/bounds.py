"""How much may be asked for in one request, and what is asked for by default."""

MIN_LABELS = 2
MAX_LABELS = 1000
MIN_LABEL_SETS = 2
MAX_LABEL_SETS = 64
MAX_LABEL_LENGTH = 100
MAX_TEMPLATE_LENGTH = 200
MAX_TEMPLATES = 100
MAX_NAME_LENGTH = 100
MAX_TASK_LENGTH = 110
"""A name, and the `@` and the number of a version."""

MIN_SIGMA = 0.05
MAX_SIGMA = 1.0
MIN_SIGMAS = 2
MAX_SIGMAS = 8
"""Of one certificate."""
MIN_RADIUS = 1e-6
"""Of a target radius or a tolerance: some thousandths of a grey level of one pixel."""
MAX_CHANGE = 8.0
"""L2 length of the change that a preview shows: larger than any certificate's radius."""
MAX_DRAW = 999
"""Which noisy copy a preview shows, from 0 on."""
MIN_ALPHA = 1e-12
MAX_ALPHA = 0.05
MAX_PREDICT_SAMPLES = 10_000
MAX_SELECTION_SAMPLES = 10_000
MAX_ESTIMATION_SAMPLES = 100_000
DEFAULT_PREDICT_SAMPLES = 100
DEFAULT_SELECTION_SAMPLES = 100
DEFAULT_ESTIMATION_SAMPLES = 10_000
DEFAULT_ALPHA = 0.001
