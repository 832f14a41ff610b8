# alignfreeze on CPUs, as a user without rights:
#     docker build -t alignfreeze .
#     docker run --rm --user "$(id -u)" -e HOME=/tmp -v "$PWD:/work" alignfreeze run my-study.toml --out my-study
# The user of the host must be named if results are to be written into a folder of the host.
FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# The CPU build of torch is a tenth of the usual one.
COPY pyproject.toml README.md LICENSE constraints.txt /src/
RUN pip install torch --constraint /src/constraints.txt --index-url https://download.pytorch.org/whl/cpu
COPY src /src/src
RUN pip install --constraint /src/constraints.txt "/src[demo,hub,languages]" && rm -r /src
RUN useradd --create-home user && mkdir /work && chown user /work
USER user
WORKDIR /work
ENTRYPOINT ["alignfreeze"]
CMD ["demo"]
