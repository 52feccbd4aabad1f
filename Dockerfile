# The router, the ledger, the simulator and the `referrals` command in one image; what a container runs is its command.
FROM python:3.13-slim AS build
COPY requirements/runtime.txt /tmp/
RUN python -m venv --without-pip /opt/referrals \
 && python -m pip --python /opt/referrals/bin/python install \
      --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r /tmp/runtime.txt
WORKDIR /srv/referrals
COPY schemas schemas
COPY policy policy
COPY services services
COPY deploy deploy
# The files run as they are in the checkout: a wheel would need the build backend, of the development lock only.
# Compiled here, because the container's root is read-only; checked by nothing, because nothing can change them.
RUN printf '#!/opt/referrals/bin/python\nfrom services.console.__main__ import main\n\nmain()\n' > /opt/referrals/bin/referrals \
 && chmod 755 /opt/referrals/bin/referrals \
 && python -m compileall -q --invalidation-mode unchecked-hash schemas policy services

FROM python:3.13-slim
COPY --from=build /opt/referrals /opt/referrals
COPY --from=build /srv/referrals /srv/referrals
ENV PATH=/opt/referrals/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONPATH=/srv/referrals \
    PYTHONUNBUFFERED=1
# A volume that is mounted here first takes over the owner.
RUN install -d -o 10001 -g 10001 -m 750 /var/lib/referrals/secrets
WORKDIR /srv/referrals
USER 10001:10001
EXPOSE 9464 9465
CMD ["python", "-m", "services.router"]
