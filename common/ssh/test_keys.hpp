// Throwaway keys for tests: one 1024-bit RSA key in the forms operators have, and what must be refused.
#pragma once

#include <string>

namespace concourse::ssh::test {

constexpr const char* kPkcs1 =
    "MIICWwIBAAKBgQDLZFTFzRgg6/Luwh7PkRAJrKUcmUlQiSImv3ItlspyaNZkucCrDMt8uP88Kxvc83W5MBNm1QKqvJ7W/p/1p6Nb1yQUis3Yf7etmnG56y"
    "GzvZLqRYRTTHmyx5vlBnQ5rizoiorRjRM/uioM68VFxRpRsBTvXJCLwWuWr6074Qr+uwIDAQABAoGAHe7VHwsxCt9OsF63RBr4PkQ/RHc2t/iGoyc3uYfg"
    "oXfWXZqMxV+rrt5XCdbaUekuoSN3J4If01rREZkFl5SlUMKrA05wW9WoX7D6YOmDNcfQKupoYYr9+10yFnfHQwbWAd4WKZfk/KJvnsiH2ANBs8kDJgLsy/"
    "Xdta05dswhogECQQDoTEKFLzi+4LHsik79sGrbJYvV3oZCEhDtnDBs5z9sRileRGo6DRI8Rqw2lY25Ne4dqvydC0sPG0/aqoiW0tu7AkEA4CUIUL46hUzL"
    "fuweWyNtsq3Y4wTZnJy1ED09RPe8VO5mGDwdHFTqHcWeOotocY54d9+VNhb/z0epn8NX6mq5AQJAVnccQ4rCKnpkf9EzecZS3+Nn22GKw8kJuAftFnw05U"
    "5wU4BPse/vm7QKof6k1A245h4hDSuI8sSNwqy7TriJxQJAfztmMfcZXutNo/lB7ff5X/Cg6ZSqNeUaPmKUsd5yMD+3AlC1MYzd7BJuE8toePUnWtw2ZaK+"
    "iJmkJoULFYyJAQJAVOKZbOcz8cb3EPbgF1RUy4xDRbbF4ck8g9xwQGBqJkKcctsEcKW55EBYv/1yH269lSIIniQgw5DmMavLAhIFcQ==";
constexpr const char* kPkcs8 =
    "MIICdQIBADANBgkqhkiG9w0BAQEFAASCAl8wggJbAgEAAoGBAMtkVMXNGCDr8u7CHs+REAmspRyZSVCJIia/ci2WynJo1mS5wKsMy3y4/zwrG9zzdbkwE2"
    "bVAqq8ntb+n/Wno1vXJBSKzdh/t62acbnrIbO9kupFhFNMebLHm+UGdDmuLOiKitGNEz+6KgzrxUXFGlGwFO9ckIvBa5avrTvhCv67AgMBAAECgYAd7tUf"
    "CzEK306wXrdEGvg+RD9Edza3+IajJze5h+Chd9ZdmozFX6uu3lcJ1tpR6S6hI3cngh/TWtERmQWXlKVQwqsDTnBb1ahfsPpg6YM1x9Aq6mhhiv37XTIWd8"
    "dDBtYB3hYpl+T8om+eyIfYA0GzyQMmAuzL9d21rTl2zCGiAQJBAOhMQoUvOL7gseyKTv2watsli9XehkISEO2cMGznP2xGKV5EajoNEjxGrDaVjbk17h2q"
    "/J0LSw8bT9qqiJbS27sCQQDgJQhQvjqFTMt+7B5bI22yrdjjBNmcnLUQPT1E97xU7mYYPB0cVOodxZ46i2hxjnh335U2Fv/PR6mfw1fqarkBAkBWdxxDis"
    "IqemR/0TN5xlLf42fbYYrDyQm4B+0WfDTlTnBTgE+x7++btAqh/qTUDbjmHiENK4jyxI3CrLtOuInFAkB/O2Yx9xle602j+UHt9/lf8KDplKo15Ro+YpSx"
    "3nIwP7cCULUxjN3sEm4Ty2h49Sda3DZlor6ImaQmhQsVjIkBAkBU4pls5zPxxvcQ9uAXVFTLjENFtsXhyTyD3HBAYGomQpxy2wRwpbnkQFi//XIfbr2VIg"
    "ieJCDDkOYxq8sCEgVx";
constexpr const char* kOpenssh =
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAlwAAAAdzc2gtcnNhAAAAAwEAAQAAAIEAy2RUxc0YIOvy7sIez5EQCaylHJlJUI"
    "kiJr9yLZbKcmjWZLnAqwzLfLj/PCsb3PN1uTATZtUCqrye1v6f9aejW9ckFIrN2H+3rZpxueshs72S6kWEU0x5sseb5QZ0Oa4s6IqK0Y0TP7oqDOvFRcUa"
    "UbAU71yQi8Frlq+tO+EK/rsAAAIA78FE2O/BRNgAAAAHc3NoLXJzYQAAAIEAy2RUxc0YIOvy7sIez5EQCaylHJlJUIkiJr9yLZbKcmjWZLnAqwzLfLj/PC"
    "sb3PN1uTATZtUCqrye1v6f9aejW9ckFIrN2H+3rZpxueshs72S6kWEU0x5sseb5QZ0Oa4s6IqK0Y0TP7oqDOvFRcUaUbAU71yQi8Frlq+tO+EK/rsAAAAD"
    "AQABAAAAgB3u1R8LMQrfTrBet0Qa+D5EP0R3Nrf4hqMnN7mH4KF31l2ajMVfq67eVwnW2lHpLqEjdyeCH9Na0RGZBZeUpVDCqwNOcFvVqF+w+mDpgzXH0C"
    "rqaGGK/ftdMhZ3x0MG1gHeFimX5Pyib57Ih9gDQbPJAyYC7Mv13bWtOXbMIaIBAAAAQFTimWznM/HG9xD24BdUVMuMQ0W2xeHJPIPccEBgaiZCnHLbBHCl"
    "ueRAWL/9ch9uvZUiCJ4kIMOQ5jGrywISBXEAAABBAOhMQoUvOL7gseyKTv2watsli9XehkISEO2cMGznP2xGKV5EajoNEjxGrDaVjbk17h2q/J0LSw8bT9"
    "qqiJbS27sAAABBAOAlCFC+OoVMy37sHlsjbbKt2OME2ZyctRA9PUT3vFTuZhg8HRxU6h3FnjqLaHGOeHfflTYW/89HqZ/DV+pquQEAAAAJdGhyb3dhd2F5"
    "AQI=";
constexpr const char* kLockedOpenssh =
    "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABC91sGcQXOmlFMUUODUZdJMAAAAEAAAAAEAAACXAAAAB3NzaC1yc2EAAA"
    "ADAQABAAAAgQDLZFTFzRgg6/Luwh7PkRAJrKUcmUlQiSImv3ItlspyaNZkucCrDMt8uP88Kxvc83W5MBNm1QKqvJ7W/p/1p6Nb1yQUis3Yf7etmnG56yGz"
    "vZLqRYRTTHmyx5vlBnQ5rizoiorRjRM/uioM68VFxRpRsBTvXJCLwWuWr6074Qr+uwAAAgCF+FMesA5rQroNb1XKTFAec3m2OPYic7acO0WHHb9WQYAQIL"
    "VZ9rKQqWJsU6qm0OqEhsnDrsQFxX1yHXC1gU5724+HivQcK2M8tv6iYuoPLcWnNccUCkLAe3yVaLaEojKtS6RObDqSsZRQ+I/FkKUzRtl8fBmtIRte67ry"
    "gX5Kzj16wlfFfACnykizH/uuUObcG4z5TbWd2qppjpCXWPB9gGFagDgQWMohaTBwDZ+DpFcuArxKvfid9cYAUhhgekRbH3gL9YsIRpEbJAPPEwpxA70fYM"
    "ACcpRQzQJRFSayTloHPDc4tceFcFB8+Z8t10yrEjzC3Aj6BVPZW0wPA21fm732V13IMK3WF5QQ4eGFAQo2IN26Jo5rvs0+3IcjZNzNAHPmziA2HdhUT9CC"
    "jWMnEE2XSjz3SyWlz75mXmeMpr2XgDYM9lEtzIc30Ka4kss/P7Sb9+AhIr+7QIbpibRn616IrfyY3EeKdzz/GuGKP49NoMONo7yysXlrF/VWV8fhPxH4gC"
    "RNDqjyGNvD963cPt2zQYOE2FvSBFXEiGpuYQyW1x3Tmi/8e5wgk3hyxhU09iJOKcw7oNmXiNuCnQtdEqRy9C58DmECYbV6rXr8BgZDlxfoRWz1+MmkC5x9"
    "ovw6Gfw0ZRcWirLsvpQ5yJHE06Bg2FiKHssEkTl4rNF0Zw==";
constexpr const char* kLockedPkcs1 =
    "is1puX6IplIeQj+ym7L07rh4Ie6nMHX/17GnXVto+JHjoygB91g640ECj0hWteujTBjtq+wXinoobfb/pimGiFAPa2r/evCe/BpWbFlJDXbqtylDdHyKwc"
    "4CLp8whqXGm8CNJ6fTJrt9qX5CLbLtpfTFM2pAtP3/CPkrlWOqNTG+t7QmQD4K4pXQg5oNc2Ae6N+JWsf0KrIlDRhm4MO7mdEoHB5SbhggecfrRA4yssKX"
    "ijpT4CRed24wn2l5lt/ScE/3Jo7ZGaHR3WLKdqjtwVOwVzG/sv/fz2YoZ7QAPdc0zfPQ1iIiO6zb3ZmrOMD+TbwPBzrxnV23JSClEukEab2IjchRJVqxUd"
    "rOdeYq8esvHpz4l6x1ST+5fNNakViYDgK1W+gnUOBCsF86I/ShMjTYvkzbRGGTrfjmfAvXODKq9qmDoUOStv5kSfEgpxVO2yJyiDapck4+RefpPYAIWtIe"
    "fRCFADwaGZavBYI56k9p6wNB1zUbOQcvl3mc38bMnYzQQ3ZC3iHupomgW/33evSd9BHT67BRBRmGgUnzhFaW+Sh2V05vuz/by4m235Vrshfq1UzSBkCvJF"
    "W8ZhBp8BIMVxGMMKp7zEXtMA7rmrXt6pnJxYYICoQwJ+W2tObszHXK/NxS7O9aCgmrVB8nmbx8l1FuBlGOzm/0SQnHXainzHkAmHKMFwE7H9fLu+tYULcg"
    "0d3JG9o9iReJKKcMAMvfPVReH3YcdFAeniCJ0h1ZMy2CsHxaE9gUUrwTHOzIm0YLI5pcG1kHlG+2vvJ3vKDgYef2jwVGOfpGwOAt0E0=";
constexpr const char* kEd25519 =
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQyNTUxOQAAACBw73APC+nV3V3wSbpjbJKBU/KOwzmsr3q1GZ"
    "mbpLfgtgAAAJDiaqCA4mqggAAAAAtzc2gtZWQyNTUxOQAAACBw73APC+nV3V3wSbpjbJKBU/KOwzmsr3q1GZmbpLfgtgAAAECUsQAmjtSOrlx2nwIBxrGl"
    "ImPX7Tx8gkfQSp4u03x5NHDvcA8L6dXdXfBJumNskoFT8o7DOayverUZmZukt+C2AAAACXRocm93YXdheQECAwQ=";
constexpr const char* kPublic =
    "AAAAB3NzaC1yc2EAAAADAQABAAAAgQDLZFTFzRgg6/Luwh7PkRAJrKUcmUlQiSImv3ItlspyaNZkucCrDMt8uP88Kxvc83W5MBNm1QKqvJ7W/p/1p6Nb1y"
    "QUis3Yf7etmnG56yGzvZLqRYRTTHmyx5vlBnQ5rizoiorRjRM/uioM68VFxRpRsBTvXJCLwWuWr6074Qr+uw==";
constexpr const char* kPublicEd25519 = "AAAAC3NzaC1lZDI1NTE5AAAAIHDvcA8L6dXdXfBJumNskoFT8o7DOayverUZmZukt+C2";

// A PEM file as the tools write it.
inline std::string pem(const std::string& label, const std::string& body, const std::string& headers = "") {
  std::string text = "-----BEGIN " + label + "-----\n" + headers;
  for (std::size_t i = 0; i < body.size(); i += 64) text += body.substr(i, 64) + "\n";
  return text + "-----END " + label + "-----\n";
}

}  // namespace concourse::ssh::test
