"""A real worker process as it is shipped, but that judges adaptations by few samples."""

from workers.__main__ import main
from workers.adaptation import report

ESTIMATION_SAMPLES = 10

if __name__ == "__main__":
    report.ESTIMATION_SAMPLES = ESTIMATION_SAMPLES
    main()
