"""What holds for every test."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")  # how long an example takes says how busy the machine is, and nothing of the code

# A broker that lives for seconds starts at half the cost without the compiler that pays off in minutes.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
