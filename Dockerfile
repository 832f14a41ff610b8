# alignfreeze on CPUs, as a user without rights:
#     docker build -t alignfreeze .
#     docker run --rm -v "$PWD:/work" alignfreeze run my-study.toml --out my-study
FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# The CPU build of torch is a tenth of the usual one.
RUN pip install torch --index-url https://download.pytorch.org/whl/cpu
COPY pyproject.toml README.md LICENSE constraints.txt /src/
COPY src /src/src
RUN pip install --constraint /src/constraints.txt "/src[demo,hub,languages]" && rm -r /src
RUN useradd --create-home user && mkdir /work && chown user /work
USER user
WORKDIR /work
ENTRYPOINT ["alignfreeze"]
CMD ["demo"]
