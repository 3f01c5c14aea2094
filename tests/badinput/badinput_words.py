"""Words that several of these tests say."""

SMALL = ("--word-embedding-size", "8", "--characters", "none", "--hidden-size", "8")
TRAIN = ("--task", "tagging", "--architecture", "birnn", *SMALL, "--device", "cpu", "--threads", "1")
